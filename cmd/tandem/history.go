package main

import (
	"context"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newHistory(a *app) *cobra.Command {
	var coll collectionFlag
	var asJSON bool
	c := &cobra.Command{
		Use:   "history DB ID",
		Short: "List the revisions of a document",
		Long: "history lists the revisions of a document that are known, the current one first: its ID, what\n" +
			"it is to the document, when and by whom it was written, whether its body is kept, and which\n" +
			"peers have it. Revision trees carry no times and authors.",
		Example: "  tandem history notes milk\n  tandem history notes milk --json",
		Args:    cobra.ExactArgs(2),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return coll.with(ctx, a, args[0], func(coll *tandem.Collection) error {
				all, err := coll.History(ctx, args[1])
				if err != nil {
					return during("list revisions of document", args[1], err)
				}
				return a.showHistory(all, asJSON)
			})
		}),
	}
	coll.add(c)
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object per line: revision, role, generation or time and source, own, deleted,\n"+
		"body (JSON, if kept), and peers")
	return c
}

func (a *app) showHistory(all []tandem.Revision, asJSON bool) error {
	table, encoder := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0), a.jsonLines()
	for _, r := range all {
		var err error
		if asJSON {
			err = encoder.Encode(r)
		} else {
			_, err = fmt.Fprintf(table, "%s\t%s\t%s\n", r.ID, r.Role, strings.Join(remarks(r), ", "))
		}
		if err != nil {
			return err
		}
	}
	return table.Flush()
}

// remarks describes a revision for people.
func remarks(r tandem.Revision) (all []string) {
	if !r.Time.IsZero() {
		all = append(all, r.Time.Format(time.RFC3339))
	}
	switch {
	case r.Own:
		all = append(all, "written here")
	case !r.Time.IsZero():
		all = append(all, "written by "+r.Source)
	}
	switch {
	case r.Deleted:
		all = append(all, "deleted")
	case r.Body != nil:
		all = append(all, "body kept")
	}
	if len(r.Peers) > 0 {
		all = append(all, "known at "+strings.Join(r.Peers, " and "))
	}
	return all
}
