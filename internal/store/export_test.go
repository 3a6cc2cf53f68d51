package store

import (
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/tandemdb/tandem/internal/seal"
)

// SealedFile is file as the database file of an encrypted database sees it.
func SealedFile(file vfs.File, keys *seal.Keys) vfs.File {
	return &sealedFile{File: file, sectors: keys.Sectors("database")}
}

// Closed returns a channel that is closed as soon as [DB.Close] begins.
func (db *DB) Closed() <-chan struct{} { return db.closing }
