package store

import "github.com/tandemdb/tandem/internal/revision"

// nextTime gives the time of a new version.
func (tx *Tx) nextTime() revision.Time {
	w := tx.db.writer
	w.clock = revision.Next(w.clock, tx.now)
	if w.clock > w.reserved && w.clock > revision.Time(tx.now.UnixNano()) {
		tx.group.reserve = true
	}
	return w.clock
}

// raiseClock makes later versions later than t.
func (tx *Tx) raiseClock(t revision.Time) {
	w := tx.db.writer
	w.clock = max(w.clock, t)
}
