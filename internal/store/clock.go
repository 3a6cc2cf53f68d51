package store

import "github.com/tandemdb/tandem/internal/revision"

// nextTime gives the time of a new version.
func (tx *Tx) nextTime() revision.Time {
	s := &tx.db.writer.state
	s.clock = revision.Next(s.clock, tx.now)
	if s.clock > s.reserved && s.clock > revision.Time(tx.now.UnixNano()) {
		s.reserve = true
	}
	return s.clock
}

// raiseClock makes later versions later than t.
func (tx *Tx) raiseClock(t revision.Time) {
	s := &tx.db.writer.state
	s.clock = max(s.clock, t)
}
