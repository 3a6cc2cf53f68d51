package store

import (
	"math"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/revision"
)

// Limits of the conflict log, in entries and in bytes of bodies. Pruning runs when the number of a
// new entry is divisible by conflictLogPruning, and after each large entry. Between two prunings
// the log stays under twice its bytes.
const (
	conflictLogEntries = 10_000
	conflictLogBytes   = 32 << 20
	conflictLogPruning = 256
	conflictLogLarge   = conflictLogBytes / conflictLogPruning // bytes
)

// LoggedConflict is a resolved conflict.
type LoggedConflict struct {
	Number     int64 // counts up
	Time       time.Time
	Collection string // scope.name
	ID         string
	Remote     string // the peer's URL
	Winner     Winner
	Why        string // the reason of the decision

	Local, Theirs LoggedRevision
	Result        revision.ID // the new head
}

// LoggedRevision is one side of a logged conflict.
type LoggedRevision struct {
	Rev     revision.ID
	Deleted bool
	Body    []byte
}

// ConflictFilter selects entries of the log; its zero value selects all.
type ConflictFilter struct {
	Collection string // scope.name, or "" for all
	ID         string // or "" for all
	Before     int64  // entries with smaller numbers; 0 for all
}

// ConflictLog returns at most limit entries of the log, the latest first. To continue, set Before
// to the number of the last one.
func (tx *Tx) ConflictLog(f ConflictFilter, limit int) (log []*LoggedConflict, err error) {
	s, err := tx.stmt(sqlListConflictLog)
	if err != nil {
		return nil, err
	}
	if f.Before <= 0 {
		f.Before = math.MaxInt64
	}
	err = query(s, func(s *sqlite3.Stmt) error {
		log = append(log, readLoggedConflict(s))
		return nil
	}, f.Before, f.Collection, f.ID, int64(limit))
	return log, sqlFault(err, "read conflict log", tx.db.path)
}

func readLoggedConflict(s *sqlite3.Stmt) *LoggedConflict {
	side := func(column int) LoggedRevision {
		return LoggedRevision{
			Rev: revision.ID(s.ColumnText(column)), Deleted: s.ColumnInt64(column+1) != 0,
			Body: s.ColumnBlob(column+2, []byte{}),
		}
	}
	return &LoggedConflict{
		Number: s.ColumnInt64(0), Time: time.UnixMilli(s.ColumnInt64(1)),
		Collection: s.ColumnText(2), ID: s.ColumnText(3), Remote: s.ColumnText(4),
		Winner: Winner(s.ColumnInt64(5)), Why: s.ColumnText(6),
		Local: side(7), Theirs: side(10), Result: revision.ID(s.ColumnText(13)),
	}
}

// logConflict adds an entry, and prunes the log now and then.
func (tx *Tx) logConflict(c *Collection, local, theirs, next *Document, r Resolution) error {
	url, err := tx.RemoteURL(r.Remote)
	if err != nil {
		return err
	}
	s, err := tx.writing(sqlLogConflict, more)
	if err != nil {
		return err
	}
	var n int64
	err = query(s, func(s *sqlite3.Stmt) error { n = s.ColumnInt64(0); return nil },
		tx.now.UnixMilli(), c.FullName(), r.ID, url, int64(r.Winner), r.Why,
		string(local.Rev.ID), local.Deleted, string(local.Body),
		string(theirs.Rev.ID), theirs.Deleted, string(theirs.Body), string(next.Rev.ID))
	large := len(local.Body)+len(theirs.Body) >= conflictLogLarge
	if err == nil && (large || n%conflictLogPruning == 0) {
		err = tx.pruneConflictLog(n)
	}
	return sqlFault(err, "log conflict of", r.ID)
}

func (tx *Tx) pruneConflictLog(last int64) error {
	s, err := tx.writing(sqlPruneConflictLog, more)
	if err != nil {
		return err
	}
	if err := exec(s, last-conflictLogEntries); err != nil {
		return err
	}
	if s, err = tx.writing(sqlPruneConflictBodies, more); err != nil {
		return err
	}
	return exec(s, int64(conflictLogBytes))
}
