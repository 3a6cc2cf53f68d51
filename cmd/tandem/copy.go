package main

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/hub"
)

func newCopy(a *app) *cobra.Command {
	return &cobra.Command{
		Use:   "copy DB NEW",
		Short: "Copy a database",
		Long: "copy writes a snapshot of DB, with the content of its blobs, to the new database NEW. Others\n" +
			"may use DB meanwhile. The copy of an encrypted database has the same key.\n\n" +
			"The copy is an independent database: it has another UUID, and marks its edits by another name. It\n" +
			"continues to sync from the point where DB was with each peer.\n\n" +
			"DB and NEW may be URLs of PostgreSQL. Such a copy moves the database: it has the UUID of DB, so that\n" +
			"clients go on there from the point that they had reached. Stop serving DB before, and serve NEW in its\n" +
			"place afterwards. Indexes for queries, encryption, cookies, known servers and memberships in groups\n" +
			"stay behind: 'tandem rekey' encrypts a copy in a folder.",
		Example: "  tandem copy notes backup/notes-2026-11-29\n" +
			"  tandem copy notes postgres://tandem@db.example/notes\n" +
			"  tandem copy postgres://tandem@db.example/notes backup/notes",
		Args: cobra.ExactArgs(2),
		RunE: a.do(func(ctx context.Context, args []string) error {
			return a.with(ctx, args[0], func(db *tandem.Database) error {
				if isURL(args[0]) || isURL(args[1]) {
					return a.move(ctx, db, args[1])
				}
				return a.copy(ctx, db, args[1])
			})
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

// move copies from or to a URL.
func (a *app) move(ctx context.Context, db *tandem.Database, to string) error {
	a.warnOfPassword(to)
	if isURL(to) && db.IsEncrypted() {
		a.note("warning: the copy is encrypted only if the database server encrypts its disks")
	}
	err := a.withBar("copy", ofDocuments, func(show func(done, total uint64)) error {
		return db.Copy(tandem.ContextWithProgress(ctx, show), to)
	})
	if err != nil {
		return err
	}
	if isURL(to) {
		a.note("created database %s", hub.WithoutPassword(to))
	} else {
		a.note("created database %s", folderOf(to))
	}
	return nil
}

// folderOf returns the folder of the database that the user calls path.
func folderOf(path string) string {
	folder := strings.TrimSuffix(filepath.Clean(path), ".tandem") + ".tandem"
	if absolute, err := filepath.Abs(folder); err == nil {
		return absolute
	}
	return folder
}
