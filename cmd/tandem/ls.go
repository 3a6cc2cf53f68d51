package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newList(a *app) *cobra.Command {
	var coll collectionFlag
	var asJSON, deleted bool
	c := &cobra.Command{
		Use:     "ls DB",
		Short:   "List the IDs of documents",
		Example: "  tandem ls notes\n  tandem ls travel --collection travel.airlines --json",
		Args:    cobra.ExactArgs(1),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return coll.with(ctx, a, args[0], func(coll *tandem.Collection) error {
				return a.list(ctx, coll, asJSON, deleted)
			})
		}),
	}
	coll.add(c)
	c.Flags().BoolVar(&asJSON, "json", false, "a JSON object a line: id, rev, seq and, if it is, deleted")
	c.Flags().BoolVar(&deleted, "deleted", false, "include deleted documents")
	return c
}

// listed is a line of ls --json.
type listed struct {
	ID      string `json:"id"`
	Rev     string `json:"rev"`
	Seq     uint64 `json:"seq"`
	Deleted bool   `json:"deleted,omitempty"`
}

func (a *app) list(ctx context.Context, coll *tandem.Collection, asJSON, deleted bool) error {
	encoder := a.jsonLines()
	for doc, err := range coll.AllWithDeleted(ctx) {
		switch {
		case err != nil:
			return err
		case doc.Deleted() && !deleted:
			continue
		case !asJSON:
			fmt.Fprintln(a.out, doc.ID())
			continue
		}
		if err := encoder.Encode(listed{doc.ID(), doc.RevisionID(), doc.Sequence(), doc.Deleted()}); err != nil {
			return err
		}
	}
	return nil
}
