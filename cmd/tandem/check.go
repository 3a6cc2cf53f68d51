package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newCheck(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "check DB",
		Short: "Prove a database sound",
		Long: "check reads everything in a database: the structure of its file, every document and the\n" +
			"content of every blob. It lists what is wrong, and then ends with status 1.\n\n" +
			"Content of blobs that documents were imported without is no damage; it is listed on standard error.",
		Example: "  tandem check notes",
		Args:    cobra.ExactArgs(1),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return a.with(ctx, args[0], func(db *tandem.Database) error { return a.check(ctx, db) })
		}),
	}
}

func (a *app) check(ctx context.Context, db *tandem.Database) error {
	problems, err := db.Check(ctx)
	if err != nil {
		return err
	}
	for _, problem := range problems {
		fmt.Fprintln(a.out, problem)
	}
	if len(problems) > 0 {
		return withHint(fmt.Errorf("check database %s: %s", db.Path(), count(len(problems), "problem")),
			"restore it from a backup, or sync a new database from a peer")
	}
	fmt.Fprintln(a.out, "sound")
	absent, err := db.AbsentBlobs(ctx)
	for _, digest := range absent {
		a.note("absent: the content of blob %s, which a document refers to", digest)
	}
	return err
}
