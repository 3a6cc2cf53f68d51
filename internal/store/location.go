package store

import (
	"crypto/rand"
	"fmt"
	"log/slog"
	"path/filepath"

	"github.com/ncruces/go-sqlite3"
)

// location tells where the database file is, in order to recognize copies made by other tools. Such
// a copy has another path and another inode than the original. A renamed database keeps its inode,
// one restored in place keeps its path, and one mounted elsewhere keeps its inode. Device numbers
// are left out, since they change when a volume is mounted again.
type location struct {
	path  string // absolute, without symbolic links; "" if not recorded
	inode uint64 // 0 if the system does not tell
}

// locationOf returns the location of the database file in folder.
func locationOf(folder string) location {
	file := filepath.Join(folder, databaseFile)
	here := location{path: file, inode: inodeOf(file)}
	if path, err := filepath.EvalSymlinks(file); err == nil {
		here.path = path
	}
	return here
}

// locationToBe returns the location of the database file in folder after the folder is renamed to
// toPath.
func locationToBe(folder, toPath string) (location, error) {
	above, err := filepath.Abs(filepath.Dir(toPath))
	if err == nil {
		above, err = filepath.EvalSymlinks(above)
	}
	path := filepath.Join(above, filepath.Base(toPath), databaseFile)
	return location{path: path, inode: locationOf(folder).inode}, err
}

// isCopyOf reports whether the database at here is a copy of the one at there.
func (here location) isCopyOf(there location) bool {
	return there.path != "" && here.path != there.path && (here.inode != there.inode || here.inode == 0)
}

// noteLocation records the location of the database. A copy gets a new source: with the original's
// source, an edit of either database would claim to have seen the edits of both, and a third
// database would drop the other edit.
func noteLocation(c *conn, here location, log *slog.Logger) error {
	there, err := readLocation(c)
	if err != nil || there == here {
		return err
	}
	copied := false
	err = c.immediately(func() error {
		there, err := readLocation(c) // read again: another process may have been first
		if err != nil || there == here {
			return err
		}
		if copied = here.isCopyOf(there); copied {
			if err := c.renewSource(); err != nil {
				return err
			}
		}
		return writeLocation(c, here)
	})
	switch {
	case err == nil && copied:
		log.Info("the files of the database were copied here: its edits get a name of their own",
			slog.String("from", there.path), slog.String("to", here.path))
	case err != nil && !here.isCopyOf(there):
		log.Warn("the database could not note where it is", slog.String("path", here.path), slog.Any("error", err))
		return nil // the next opening tries again
	}
	return err
}

// renewSource gives the database a new source for its edits.
func (c *conn) renewSource() error {
	source := make([]byte, 16)
	rand.Read(source) // never fails
	return c.set(metaSource, source)
}

func readLocation(c *conn) (l location, err error) {
	if err := c.get(metaPath, func(s *sqlite3.Stmt) { l.path = s.ColumnText(0) }); err != nil {
		return l, err
	}
	err = c.get(metaInode, func(s *sqlite3.Stmt) { l.inode = uint64(s.ColumnInt64(0)) }) //nolint:gosec // any 64 bits
	return l, err
}

func writeLocation(c *conn, l location) error {
	if err := c.set(metaPath, l.path); err != nil {
		return err
	}
	return c.set(metaInode, int64(l.inode)) //nolint:gosec // any 64 bits
}

// immediately runs change in a transaction of its own. The writer's goroutine must not be running
// yet.
func (c *conn) immediately(change func() error) (err error) {
	if err := c.Exec(`BEGIN IMMEDIATE`); err != nil {
		return fmt.Errorf("begin: %w", err)
	}
	if err = change(); err == nil {
		err = c.Exec(`COMMIT`)
	}
	if err != nil && !c.GetAutocommit() {
		_ = c.Exec(`ROLLBACK`) // err came first
	}
	return err
}
