package store

import (
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/revision"
)

func (r *sqliteRows) conflictLog(f ConflictFilter, limit int) (log []*LoggedConflict, err error) {
	s, err := r.tx().stmt(sqlListConflictLog)
	if err != nil {
		return nil, err
	}
	err = query(s, func(s *sqlite3.Stmt) error {
		log = append(log, readLoggedConflict(s))
		return nil
	}, f.Before, f.Collection, f.ID, int64(limit))
	return log, err
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

func (r *sqliteRows) logConflict(e *LoggedConflict, at place) (n int64, err error) {
	s, err := r.writing(sqlLogConflict, at)
	if err != nil {
		return 0, err
	}
	err = query(s, func(s *sqlite3.Stmt) error { n = s.ColumnInt64(0); return nil },
		e.Time.UnixMilli(), e.Collection, e.ID, e.Remote, int64(e.Winner), e.Why,
		string(e.Local.Rev), e.Local.Deleted, string(e.Local.Body),
		string(e.Theirs.Rev), e.Theirs.Deleted, string(e.Theirs.Body), string(e.Result))
	return n, err
}

func (r *sqliteRows) pruneConflicts(last int64, at place) error {
	if err := r.change(sqlPruneConflictLog, at, last-conflictLogEntries); err != nil {
		return err
	}
	return r.change(sqlPruneConflictBodies, at, int64(conflictLogBytes))
}
