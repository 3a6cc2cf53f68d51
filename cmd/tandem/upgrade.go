package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newUpgrade(a *app) *cobra.Command {
	var toBoth bool
	c := &cobra.Command{
		Use:   "upgrade DB",
		Short: "Switch a database to version vectors, or to both generations",
		Long: "upgrade makes new edits use version vectors, the revisions of Couchbase Lite 4. Documents keep\n" +
			"their revisions until they are edited. The upgrade cannot be undone: copy the database before.\n" +
			"On a database that has version vectors it does nothing.\n\n" +
			"With --both the database, of either form, syncs from then on with Couchbase Lite 3 and 4 at once.",
		Example: "  tandem copy notes notes-before && tandem upgrade notes\n  tandem upgrade notes --both",
		Args:    cobra.ExactArgs(1),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return a.with(ctx, args[0], func(db *tandem.Database) error {
				if toBoth {
					return db.ServeBothGenerations(ctx)
				}
				switch db.Versioning() {
				case tandem.VersionVectors:
					a.note("the database has version vectors already")
					return nil
				case tandem.BothGenerations:
					a.note("the database serves both generations, and has version vectors already")
					return nil
				case tandem.RevTrees:
				}
				return db.UpgradeVersioning(ctx)
			})
		}),
	}
	c.Flags().BoolVar(&toBoth, "both", false, "sync with both generations of Couchbase Lite from then on")
	return c
}
