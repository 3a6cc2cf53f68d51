package store

import (
	"log/slog"
	"time"

	"github.com/tandemdb/tandem/internal/revision"
)

// nextTime returns the time of a new version of a document. after is the greatest time in the
// document's history, 0 for a new document. The new time is the wall clock's, or follows the last
// time given or received if that is at most [revision.MaxAhead] ahead. A document whose own history
// lies far ahead takes a time far ahead; other documents do not follow it.
func (tx *Tx) nextTime(after revision.Time) revision.Time {
	s := tx.state
	wall := revision.Time(tx.now.UnixNano())
	if ahead := isAhead(s.clock, wall); ahead > 0 { // the clock was wrong before, or is wrong now
		s.clock, s.reserved, s.wasAhead = 0, 0, ahead
	}
	s.clock = revision.Next(s.clock, tx.now)
	t := max(s.clock, after+1)
	switch {
	case t <= wall:
	case isAhead(t, wall) > 0:
		s.sync = true
	case t > s.reserved:
		s.reserve = max(s.reserve, t)
	}
	return t
}

// raiseClock makes all new versions later than t, a time from a peer. t must be at most
// [revision.MaxAhead] ahead of the wall clock.
func (tx *Tx) raiseClock(t revision.Time) {
	s := tx.state
	s.clock = max(s.clock, t)
}

// isAhead returns how far t lies ahead of the wall clock if peers would refuse it, else 0.
func isAhead(t, wall revision.Time) time.Duration {
	if t > wall+revision.Time(revision.MaxAhead) {
		return time.Duration(t - wall)
	}
	return 0
}

// tellAhead warns that the times of versions lie far ahead of the clock.
func (db *DB) tellAhead(ahead time.Duration) {
	db.options.Logger.Warn("the clock of this machine is far behind the versions of the database: it was ahead before, or it is wrong now",
		slog.String("database", db.path), slog.Duration("by", ahead.Round(time.Second)),
		slog.String("hint", "set the clock; if it is right, documents saved meanwhile stay ahead, and peers "+
			"refuse them until their time comes: save their content under new IDs to sync it now"))
}
