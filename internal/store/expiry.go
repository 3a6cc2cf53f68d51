package store

import (
	"context"
	"time"
)

// SetExpiry sets when a document is purged, to the millisecond; the zero time means never. A time
// in the past purges it at once. SetExpiry fails with fault.NotFound if the document does not exist
// or is a tombstone.
func (tx *Tx) SetExpiry(c *Collection, id string, at time.Time) error {
	const op = "set expiry"
	return tx.atomic(func() error {
		head, err := tx.find(c, id, headOnly)
		if err != nil {
			return err
		}
		if head.Deleted {
			return noDocument(op, id)
		}
		head.Expiry = at
		if err := tx.fault(c, tx.rows.mark(c, head, last), op, id); err != nil {
			return err
		}
		s := tx.state
		s.expiring = true
		s.mark(c)
		return nil
	})
}

// The expirer purges at most expiryBatch documents in one transaction. It reads the clock at least
// every expiryCheck, because somebody may set the clock, and timers stand still while a computer
// sleeps.
const (
	expiryBatch = 500
	expiryCheck = time.Minute
)

// expirer purges documents when their time comes.
type expirer struct {
	db   *DB
	wake chan struct{} // capacity 1: an expiry was set, here or elsewhere
}

func newExpirer(db *DB) *expirer {
	e := &expirer{db: db, wake: make(chan struct{}, 1)}
	e.wake <- struct{}{} // look at documents that expired while the database was closed
	return e
}

func (e *expirer) run() {
	timer := time.NewTimer(expiryCheck)
	defer timer.Stop()
	for {
		select {
		case <-e.db.closing:
			return
		case <-e.wake:
		case <-timer.C:
		}
		timer.Reset(e.purgeDue())
	}
}

// purgeDue purges expired documents and returns how long to wait until the next call. A failure is
// retried.
func (e *expirer) purgeDue() (wait time.Duration) {
	ctx := context.Background()
	var next time.Time
	due := false
	err := e.db.View(ctx, func(tx *Tx) (err error) {
		next, err = tx.earliest()
		due = !next.IsZero() && !next.After(tx.now)
		return err
	})
	if due && err == nil && !e.db.hasDuty(ctx, "expiry") {
		return expiryCheck // another node purges
	}
	if due && err == nil {
		if err = e.db.Update(ctx, (*Tx).purgeExpired); err == nil {
			return time.Millisecond // there may be more
		}
	}
	if err != nil || next.IsZero() {
		return expiryCheck
	}
	return min(max(next.Sub(e.db.options.Now()), time.Millisecond), expiryCheck)
}

func (tx *Tx) earliest() (first time.Time, err error) {
	all, err := tx.Collections()
	if err != nil {
		return first, err
	}
	for _, c := range all {
		at, err := tx.rows.nextExpiry(c)
		if err != nil {
			return first, err
		}
		if !at.IsZero() && (first.IsZero() || at.Before(first)) {
			first = at
		}
	}
	return first, nil
}

func (tx *Tx) purgeExpired() error {
	all, err := tx.Collections()
	if err != nil {
		return err
	}
	for _, c := range all {
		ids, err := tx.rows.expired(c, expiryBatch)
		if err != nil {
			return err
		}
		for _, id := range ids {
			if err := tx.Purge(c, id); err != nil {
				return err
			}
		}
	}
	return nil
}
