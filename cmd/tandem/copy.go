package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
)

func newCopy(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "copy DB NEW",
		Short: "Copy a database",
		Long: "copy writes a snapshot of DB, with the content of its blobs, to the new database NEW. Others\n" +
			"may use DB meanwhile. The copy of an encrypted database has the same key.\n\n" +
			"The copy is an independent database: it has another UUID, which marks its edits. It continues\n" +
			"to sync from the point where DB was with each peer.",
		Example: "  tandem copy notes backup/notes-2026-11-29",
		Args:    cobra.ExactArgs(2),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return a.with(ctx, args[0], func(db *tandem.Database) error { return a.copy(ctx, db, args[1]) })
		}),
	}
}

func (a *app) copy(ctx context.Context, db *tandem.Database, path string) error {
	err := a.withBar("copy", ofBytes, func(show func(done, total uint64)) error {
		return db.Copy(tandem.ContextWithProgress(ctx, show), path)
	})
	if errors.Is(err, tandem.ErrInvalid) && tandem.Exists(path) {
		return withHint(err, "choose another name, or remove what is there")
	}
	if err == nil {
		a.note("created database %s", folderOf(path))
	}
	return err
}

// folderOf returns the folder of the database that the user calls path.
func folderOf(path string) string {
	folder := strings.TrimSuffix(filepath.Clean(path), ".tandem") + ".tandem"
	if absolute, err := filepath.Abs(folder); err == nil {
		return absolute
	}
	return folder
}
