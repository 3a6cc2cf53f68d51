package store

import (
	"math"
	"time"

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
	if f.Before <= 0 {
		f.Before = math.MaxInt64
	}
	log, err = tx.rows.conflictLog(f, limit)
	return log, sqlFault(err, "read conflict log", tx.db.path)
}

// logConflict adds an entry, and prunes the log now and then.
func (tx *Tx) logConflict(c *Collection, local, theirs, next *Document, r Resolution) error {
	url, err := tx.RemoteURL(r.Remote)
	if err != nil {
		return err
	}
	n, err := tx.rows.logConflict(&LoggedConflict{
		Time: tx.now, Collection: c.FullName(), ID: r.ID, Remote: url, Winner: r.Winner, Why: r.Why,
		Local: loggedRevision(local), Theirs: loggedRevision(theirs), Result: next.Rev.ID,
	}, more)
	large := len(local.Body)+len(theirs.Body) >= conflictLogLarge
	if err == nil && (large || n%conflictLogPruning == 0) {
		err = tx.rows.pruneConflicts(n, more)
	}
	return sqlFault(err, "log conflict of", r.ID)
}

func loggedRevision(d *Document) LoggedRevision {
	return LoggedRevision{Rev: d.Rev.ID, Deleted: d.Deleted, Body: d.Body}
}
