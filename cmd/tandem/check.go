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
		Short: "Check a database for damage",
		Long: "check reads everything in a database: the structure of its file, every document and the content\n" +
			"of every blob. If it finds problems, it lists them and ends with status 1.\n\n" +
			"Blob content that was missing when documents were imported is not damage; check lists it on\n" +
			"standard error.",
		Example: "  tandem check notes",
		Args:    cobra.ExactArgs(1),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return a.with(ctx, args[0], func(db *tandem.Database) error { return a.check(ctx, db) })
		}),
	}
}

func (a *app) check(ctx context.Context, db *tandem.Database) error {
	var problems []tandem.Problem
	err := a.withBar("check", ofParts, func(show func(done, total uint64)) (err error) {
		problems, err = db.Check(tandem.ContextWithProgress(ctx, show))
		return err
	})
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
