package store

import (
	"context"
	"time"
)

// dutyRenewal is the time between two renewals of a duty, a third of a lease.
const dutyRenewal = 10 * time.Second

// IsShared reports whether nodes on other machines may have the database open. A nil DB is not shared.
func (db *DB) IsShared() bool { return db != nil && db.hub != nil }

// hasDuty reports whether this node does what one node does for all. In a folder every process does it.
func (db *DB) hasDuty(ctx context.Context, duty string) bool {
	return db.hub == nil || db.hub.rows.Lease(ctx, duty)
}

// HoldDuty takes what one node of a database does at a time, and keeps it until release is called. ok is false while
// another node has it. If it is lost later, lost is called once, on another goroutine: whoever takes it over waits for
// half a minute. In a folder every process has every duty.
func (db *DB) HoldDuty(ctx context.Context, duty string, lost func()) (release func(), ok bool) {
	if !db.IsShared() {
		return func() {}, true
	}
	if db.options.ReadOnly || !db.hub.rows.Lease(ctx, duty) {
		return nil, false
	}
	keeping, stop := context.WithCancel(db.hub.watching)
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(dutyRenewal)
		defer ticker.Stop()
		for {
			select {
			case <-keeping.Done():
				return
			case <-ticker.C:
			}
			if !db.hub.rows.Lease(keeping, duty) {
				lost()
				return
			}
		}
	}()
	return func() {
		stop()
		<-done
		db.hub.rows.EndLease(context.WithoutCancel(ctx), duty)
	}, true
}
