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

	"github.com/tandemdb/tandem/internal/fault"
)

// Compact removes the content of blobs that no document refers to any more, rebuilds damaged
// indexes, and returns unused space of the files to the system. Other transactions and processes
// may run meanwhile; writers wait for its longest step.
func (db *DB) Compact(ctx context.Context) error {
	const op = "compact database"
	if db.hub != nil {
		if err := db.enter(op); err != nil {
			return err
		}
		defer db.leave()
		return fault.About(db.hub.compact(ctx, db), op, db.path)
	}
	e, err := db.compactEffort(ctx)
	if err != nil {
		return sqlFault(err, op, db.path)
	}
	done := progressOf(ctx, e.blobs+e.indexes+e.file)
	if err := db.collectBlobs(ctx, e.blobs, done); err != nil {
		return sqlFault(err, op, db.path)
	}
	done.reach(e.blobs)
	if err := db.repairIndexes(ctx); err != nil {
		return err
	}
	done.reach(e.blobs + e.indexes)
	err = db.submit(&request{ctx: ctx, alone: func(c *conn) error {
		defer c.SetInterrupt(c.SetInterrupt(ctx))
		return c.vacuum(filepath.Join(db.path, databaseFile+"-wal"), done)
	}})
	if err == nil {
		done.end()
	}
	return interrupted(ctx, sqlFault(err, op, db.path))
}

// effort estimates the steps of a compaction, in bytes to read or write.
type effort struct{ blobs, indexes, file uint64 }

func (db *DB) compactEffort(ctx context.Context) (e effort, err error) {
	n, _, err := db.blobs.extent()
	if err != nil {
		return e, err
	}
	err = db.View(ctx, func(tx *Tx) error {
		s, err := tx.c.space()
		if err != nil {
			return err
		}
		if n > 0 {
			e.blobs = s.used()
		}
		if s.worthVacuum() {
			e.file = 2 * s.used()
		}
		return tx.eachCollectionIndex(func(*Collection, indexRecord) error { e.indexes = s.used(); return nil })
	})
	return e, err
}

// space counts the pages of the database file.
type space struct{ pages, free int64 }

func (c *conn) space() (s space, err error) {
	if s.free, err = pragma(c, `PRAGMA freelist_count`); err != nil {
		return s, err
	}
	s.pages, err = pragma(c, `PRAGMA page_count`)
	return s, err
}

// used returns the bytes of the pages that hold something.
func (s space) used() uint64 { return uint64(max(0, s.pages-s.free)) * pageSize }

// worthVacuum reports whether a new file would save at least an eighth of this one.
func (s space) worthVacuum() bool { return s.free*8 >= s.pages }

// vacuum rewrites the file if that is worth it, and empties the log at the path log. SQLite writes
// the new content twice: to a temporary file, then to the log.
func (c *conn) vacuum(log string, done *progress) error {
	s, err := c.space()
	if err != nil {
		return err
	}
	if s.worthVacuum() {
		before := sizeOf(log)
		written := func() uint64 {
			return uint64(max(0, c.scratch.used.Load())) + max(sizeOf(log), before) - before
		}
		if err := done.whileGrowing(written, func() error { return c.Exec(`VACUUM`) }); err != nil {
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
// needs before it refers to a blob. The search advances done by at most share.
func (db *DB) collectBlobs(ctx context.Context, share uint64, done *progress) error {
	if err := db.access.use(ctx); err != nil {
		return err
	}
	defer db.access.unuse()
	orphans, err := db.blobs.list()
	if err != nil || len(orphans) == 0 {
		return fileFault(err, "list blobs", db.path)
	}
	each := share / uint64(len(orphans))
	isNeeded := func(key blobKey) {
		delete(orphans, db.blobs.name(key))
		done.reach(min(done.done+each, share))
	}
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
		if err := (*sqliteRows)(tx).dropAwaited(orphans); err != nil {
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
