package store

import (
	"context"
	"log/slog"
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
)

// copyAttempts bounds how often Copy starts again after a clean-up removed blobs meanwhile.
const copyAttempts = 3

// mayFind reports whether another attempt may find contents that a copy has not found: a clean-up has removed them since
// the snapshot, since nothing refers to them now. The others were missing before, and mayFind warns of them.
func (db *DB) mayFind(ctx context.Context, missing []string, attempt int) (again bool, err error) {
	if len(missing) == 0 {
		return false, nil
	}
	absent := make(map[blobKey]bool)
	if db.hub == nil { // an engine keeps a snapshot's contents
		if absent, err = db.referredAndAbsent(ctx); err != nil {
			return false, err
		}
		again = slices.ContainsFunc(missing, func(digest string) bool {
			key, _ := keyOf(digest)
			return !absent[key]
		})
	}
	switch {
	case again && attempt == copyAttempts:
		return false, fault.Busy.Says("clean-ups have removed contents of blobs in each of %d attempts", attempt).
			Try("copy again while nobody compacts the database")
	case !again:
		db.warnOfMissing(missing)
	}
	return again, nil
}

// referredAndAbsent lists the blobs in documents whose contents are not in the folder.
func (db *DB) referredAndAbsent(ctx context.Context) (map[blobKey]bool, error) {
	absent := make(map[blobKey]bool)
	err := db.View(ctx, func(tx *Tx) error {
		_, err := tx.eachReferred(nil, func(key blobKey) {
			if _, known := absent[key]; !known {
				absent[key] = !db.blobs.has(key)
			}
		})
		return err
	})
	return absent, err
}

// mostNamed is how many digests a warning names.
const mostNamed = 10

// warnOfMissing logs which contents the database lacks, and so its copy.
func (db *DB) warnOfMissing(missing []string) {
	if len(missing) == 0 {
		return
	}
	slices.Sort(missing)
	db.options.Logger.Warn("the copy lacks the contents of blobs, which are missing in the database",
		slog.String("database", db.path), slog.Int("blobs", len(missing)), slog.Any("first", missing[:min(len(missing), mostNamed)]))
}
