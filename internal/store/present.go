package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/tandemdb/tandem/internal/fault"
)

// CheckPresence fails with fault.NotFound if the files of the open database were removed, or its
// volume is gone: later writes would be lost.
func (db *DB) CheckPresence() error {
	if db.hub != nil {
		return nil // the engine says so itself
	}
	_, err := os.Stat(filepath.Join(db.path, databaseFile))
	if !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return fault.NotFound.In("use database", db.path).Says("the files of the database were removed while it was open").
		Try("bring them back from a backup, or sync a new database from a peer")
}
