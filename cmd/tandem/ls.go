package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newList(a *app) *cobra.Command {
	var coll collectionFlag
	var f listFlags
	c := &cobra.Command{
		Use:   "ls DB",
		Short: "List the IDs of documents",
		Example: "  tandem ls notes\n" +
			"  tandem ls notes --descending --limit 10\n" +
			"  tandem ls travel --collection travel.airlines --json",
		Args: cobra.ExactArgs(1),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return coll.with(ctx, a, args[0], func(coll *tandem.Collection) error {
				return a.list(ctx, coll, &f)
			})
		}),
	}
	coll.add(c)
	flags := c.Flags()
	flags.BoolVar(&f.asJSON, "json", false, "one JSON object per line: id, rev, seq and, if it is, deleted")
	flags.BoolVar(&f.deleted, "deleted", false, "include deleted documents")
	flags.StringVar(&f.prefix, "prefix", "", "list only IDs that begin with this `text`")
	flags.StringVar(&f.after, "after", "", "list only IDs after this `ID`, such as the last one of the previous page")
	flags.BoolVar(&f.descending, "descending", false, "begin with the last ID")
	flags.IntVar(&f.limit, "limit", 0, "list at most this `many` (default all)")
	before(c, func() error {
		if c.Flags().Changed("limit") && f.limit <= 0 {
			return usage("--limit %d: want a whole number from 1", f.limit)
		}
		return nil
	})
	return c
}

// listFlags are the flags of tandem ls.
type listFlags struct {
	asJSON, deleted, descending bool
	prefix, after               string
	limit                       int // 0 for none
}

// listed is one line of ls --json.
type listed struct {
	ID      string `json:"id"`
	Rev     string `json:"rev"`
	Seq     uint64 `json:"seq"`
	Deleted bool   `json:"deleted,omitempty"`
}

func (a *app) list(ctx context.Context, coll *tandem.Collection, f *listFlags) error {
	encoder := a.jsonLines()
	for head, err := range coll.ScanHeads(ctx, tandem.ScanOptions{
		Prefix: f.prefix, After: f.after, Descending: f.descending, Limit: f.limit, Deleted: f.deleted,
	}) {
		if err != nil {
			return err
		}
		if !f.asJSON {
			fmt.Fprintln(a.out, head.ID)
			continue
		}
		if err := encoder.Encode(listed{head.ID, head.RevisionID, head.Sequence, head.Deleted}); err != nil {
			return err
		}
	}
	return nil
}
