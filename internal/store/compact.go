package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/ncruces/go-sqlite3"
)

// Compact removes the content of blobs that no document refers to any more, rebuilds damaged
// indexes, and returns unused space of the files to the system. Other transactions and processes
// may run meanwhile; writers wait for its longest step.
func (db *DB) Compact(ctx context.Context) error {
	const op = "compact database"
	if err := db.collectBlobs(ctx); err != nil {
		return sqlFault(err, op, db.path)
	}
	if err := db.repairIndexes(ctx); err != nil {
		return err
	}
	err := db.writer.submit(&request{ctx: ctx, alone: func(c *conn) error {
		defer c.SetInterrupt(c.SetInterrupt(ctx))
		return c.vacuum()
	}})
	return interrupted(ctx, sqlFault(err, op, db.path))
}

// vacuum rewrites the file if that saves at least an eighth of it, and empties the log.
func (c *conn) vacuum() error {
	free, err := pragma(c, `PRAGMA freelist_count`)
	if err != nil {
		return err
	}
	pages, err := pragma(c, `PRAGMA page_count`)
	if err != nil {
		return err
	}
	if free*8 >= pages {
		if err := c.Exec(`VACUUM`); err != nil {
			return err
		}
	}
	_, _, err = c.WALCheckpoint("main", sqlite3.CHECKPOINT_TRUNCATE)
	if errors.Is(err, sqlite3.BUSY) {
		return nil // a reader still uses the log; SQLite reuses the log's space later
	}
	return err
}

// collectBlobs removes blob files that no document refers to. Most of the search runs beside other
// transactions. A second look, at the changes since, holds the writer's lock, which every process
// needs before it refers to a blob.
func (db *DB) collectBlobs(ctx context.Context) error {
	if err := db.access.use(ctx); err != nil {
		return err
	}
	defer db.access.unuse()
	orphans, err := db.blobs.list()
	if err != nil || len(orphans) == 0 {
		return fileFault(err, "list blobs", db.path)
	}
	isNeeded := func(key blobKey) { delete(orphans, db.blobs.name(key)) }
	var seen map[int64]Sequence
	err = db.View(ctx, func(tx *Tx) error {
		seen, err = tx.eachReferred(nil, isNeeded)
		return err
	})
	if err != nil || len(orphans) == 0 {
		return err
	}
	// Deletions must be durable first: a power cut must not bring a document back without its
	// blobs.
	if err := db.UpdateDurable(ctx, func(*Tx) error { return nil }); err != nil {
		return err
	}
	return db.Update(ctx, func(tx *Tx) error {
		if err := tx.dropPending(orphans); err != nil {
			return err
		}
		if _, err := tx.eachReferred(seen, isNeeded); err != nil {
			return err
		}
		return db.blobs.removeAll(orphans)
	})
}

// extent returns how many blobs there are, and their bytes on disk.
func (b *blobs) extent() (n, bytes uint64, err error) {
	entries, err := os.ReadDir(b.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, 0, err
	}
	for _, entry := range entries {
		if _, ok := nameOfFile(entry.Name()); ok {
			n++
			bytes += sizeOf(filepath.Join(b.dir, entry.Name()))
		}
	}
	return n, bytes, nil
}

// list returns the names of all blobs, and removes abandoned unfinished files.
func (b *blobs) list() (map[blobName]struct{}, error) {
	entries, err := os.ReadDir(b.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	names := make(map[blobName]struct{})
	for _, entry := range entries {
		if name, ok := nameOfFile(entry.Name()); ok {
			names[name] = struct{}{}
		} else if strings.HasSuffix(entry.Name(), partSuffix) {
			b.removeStale(entry)
		}
	}
	return names, nil
}

func (b *blobs) removeStale(part fs.DirEntry) {
	info, err := part.Info()
	if err == nil && time.Since(info.ModTime()) > pendingTime {
		_ = os.Remove(filepath.Join(b.dir, part.Name())) // the next clean-up tries again
	}
}

func (b *blobs) removeAll(names map[blobName]struct{}) error {
	for name := range names {
		err := b.remove(name)
		if err != nil && !errors.Is(err, fs.ErrNotExist) && !isInUse(err) {
			return fileFault(err, "remove blob", name.file())
		}
	}
	return nil
}
