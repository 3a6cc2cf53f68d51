package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newCopy(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "copy DB NEW",
		Short: "Copy a database",
		Long: "copy makes the database NEW of DB as it is at one moment, with the content of its blobs. Others\n" +
			"may use DB meanwhile. An encrypted database gives a copy with the same key.\n\n" +
			"The copy is a database of its own: it has another UUID, and signs its edits with it. It syncs on\n" +
			"from where DB was with each peer.",
		Example: "  tandem copy notes backup/notes-2026-11-29",
		Args:    cobra.ExactArgs(2),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return a.with(ctx, args[0], func(db *tandem.Database) error { return a.copy(ctx, db, args[1]) })
		}),
	}
}

func (a *app) copy(ctx context.Context, db *tandem.Database, path string) error {
	err := db.Copy(ctx, path)
	if errors.Is(err, tandem.ErrInvalid) && tandem.Exists(path) {
		return withHint(err, "choose another name, or remove what is there")
	}
	return err
}
