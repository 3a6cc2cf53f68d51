package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newUpgrade(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "upgrade DB",
		Short: "Switch a database from revision trees to version vectors",
		Long: "upgrade makes new edits use version vectors, the revisions of Couchbase Lite 4. Documents keep\n" +
			"their revisions until they are edited. The upgrade cannot be undone: copy the database before.\n" +
			"On a database that has version vectors it does nothing.",
		Example: "  tandem copy notes notes-before && tandem upgrade notes",
		Args:    cobra.ExactArgs(1),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return a.with(ctx, args[0], func(db *tandem.Database) error {
				if db.Versioning() == tandem.VersionVectors {
					a.note("the database has version vectors already")
					return nil
				}
				return db.UpgradeVersioning(ctx)
			})
		}),
	}
}
