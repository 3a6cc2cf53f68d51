package store

import (
	"context"
	"errors"
	"time"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/seal"
)

// HoldFor sets how long a group may keep the lock of all nodes. Nobody may write meanwhile.
func (db *DB) HoldFor(short, long time.Duration) { db.hub.hold = holdTimes{short, long} }

// RenewDuties sets how often a duty is renewed, and for how long it may fail. Nobody may hold one meanwhile.
func (db *DB) RenewDuties(every, unsure time.Duration) {
	db.hub.duties.renewal, db.hub.duties.unsure = every, unsure
}

// SealedFile wraps file as the database file of an encrypted database.
func SealedFile(file vfs.File, keys *seal.Keys) vfs.File {
	return &sealedFile{File: file, sectors: keys.Sectors("database")}
}

// LogFile wraps file as the log of a connection that is committing.
func LogFile(file vfs.File) vfs.File {
	log := &logFile{File: file}
	log.gather()
	return log
}

// CachePages returns the size of the writing connection's page cache.
func (db *DB) CachePages() (pages int64, err error) {
	err = db.submit(&request{ctx: context.Background(), alone: func(c *conn) error {
		s, _, err := c.Prepare(`PRAGMA cache_size`)
		if err != nil {
			return err
		}
		return errors.Join(query(s, func(s *sqlite3.Stmt) error { pages = s.ColumnInt64(0); return nil }), s.Close())
	}})
	return pages, err
}

// Closed returns a channel that is closed as soon as [DB.Close] begins.
func (db *DB) Closed() <-chan struct{} { return db.closing }

// Known lists the revisions that remotes are known to have of a document.
type Known = known

// With returns k with rev as remote's revision; own is the row's revision.
func (k known) With(remote Remote, rev, own revision.ID) Known { return k.with(remote, rev, own) }

// Moved returns k for a row whose revision changes.
func (k known) Moved(from, to revision.ID) Known { return k.moved(from, to) }

// Of returns the revision that remote is known to have, or "".
func (k known) Of(remote Remote, own revision.ID) revision.ID { return k.of(remote, own) }

// Names reports whether any remote is known to have rev.
func (k known) Names(rev, own revision.ID) bool { return k.names(rev, own) }

// DeleteCollectionIn is [DB.DeleteCollection] within a transaction.
func DeleteCollectionIn(tx *Tx, c *Collection) error { return tx.deleteCollection(c.scope, c.name) }

// OpenReaders returns the number of open read connections.
func (db *DB) OpenReaders() int {
	db.readers.mu.Lock()
	defer db.readers.mu.Unlock()
	return db.readers.open
}

// ScanSteps returns how many steps SQLite took to scan such a range since the last call.
func (tx *Tx) ScanSteps(c *Collection, r Range, sel Select) (int, error) {
	s, err := tx.collStmt(c, r.listing(1, sel).statement())
	if err != nil {
		return 0, err
	}
	return s.Status(sqlite3.STMTSTATUS_VM_STEP, true), nil
}

// PreparedFor returns for how many collections the connection of tx has prepared statements.
func PreparedFor(tx *Tx) int { return len(tx.c.collection) }

// WriteSteps returns how many steps SQLite took for the statements of a collection since the last
// call, with those of triggers.
func WriteSteps(tx *Tx, c *Collection) (steps int) {
	for _, s := range tx.c.collection[c.id] {
		if s != nil {
			steps += s.Status(sqlite3.STMTSTATUS_VM_STEP, true)
		}
	}
	return steps
}

// Replanned returns how often SQLite has planned prepared statements of the connection anew.
func (tx *Tx) Replanned() (times int) {
	for _, prepared := range tx.c.collection {
		for _, s := range prepared {
			if s != nil {
				times += s.Status(sqlite3.STMTSTATUS_REPREPARE, false)
			}
		}
	}
	return times
}

// Trained returns the token of the centroids that searches use, "" if not all vectors are in lists.
func Trained(tx *Tx, c *Collection, name string) (string, error) {
	i, err := tx.Index(c, name)
	if err != nil {
		return "", err
	}
	x, err := i.vectors(c)
	if err != nil {
		return "", err
	}
	t, err := tx.trained(x)
	return t.token, err
}

// AwaitTraining waits until no index is trained.
func (db *DB) AwaitTraining() { db.trainer.work.Wait() }

// CachedVectors returns how many vectors the cache has.
func (db *DB) CachedVectors() (n int) {
	db.vectors.mu.Lock()
	defer db.vectors.mu.Unlock()
	for _, v := range db.vectors.all {
		v.mu.Lock()
		n += len(v.vectors.numbers)
		v.mu.Unlock()
	}
	return n
}

// CentroidBytes returns how many bytes the centroids take that connections share.
func (db *DB) CentroidBytes() int64 {
	db.vectors.mu.Lock()
	defer db.vectors.mu.Unlock()
	return db.vectors.shared()
}

// HoldVectors lets nobody read vectors into the cache until release is called.
func (db *DB) HoldVectors() (release func()) {
	db.vectors.mu.Lock()
	defer db.vectors.mu.Unlock()
	var all []func()
	for _, v := range db.vectors.all {
		done, _ := v.load(context.Background())
		all = append(all, done)
	}
	return func() {
		for _, done := range all {
			done()
		}
	}
}
