package store

import (
	"context"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// Times of a duty. The engine's lease lasts for half a minute.
const (
	dutyRenewal = 10 * time.Second // between two renewals
	dutyUnsure  = 20 * time.Second // without a renewal, until the holder stops
)

// nodeDuties counts, by name, who holds a duty on this node: they share the node's lease.
type nodeDuties struct {
	renewal, unsure time.Duration

	mu      sync.Mutex // guards the following, also while the engine answers: nobody takes what is being given back
	holders map[string]int
}

// IsShared reports whether nodes on other machines may have the database open. A nil DB is not shared.
func (db *DB) IsShared() bool { return db != nil && db.hub != nil }

// hasDuty reports whether this node does what one node does for all. In a folder every process does it.
func (db *DB) hasDuty(ctx context.Context, duty string) bool {
	if db.hub == nil {
		return true
	}
	held, err := db.hub.rows.Lease(ctx, duty)
	return held && err == nil // after an error, a later look may find the duty free
}

// HoldDuty takes what one node of a database does at a time, and keeps it until release is called. release is nil
// while another node has it. If it is lost later, lost is called once, on another goroutine: whoever takes it over
// waits for half a minute. In a folder every process has every duty, and so has every holder on a node that has it.
func (db *DB) HoldDuty(ctx context.Context, duty string, lost func()) (release func(), err error) {
	if !db.IsShared() {
		return func() {}, nil
	}
	if db.options.ReadOnly {
		return nil, fault.NotWriteable.In("take a duty", db.path).Says("the database is open for reading only").
			Try("open it for writing")
	}
	d := &db.hub.duties
	d.mu.Lock()
	defer d.mu.Unlock()
	if held, err := db.hub.rows.Lease(ctx, duty); !held || err != nil {
		return nil, err
	}
	d.holders[duty]++
	keeping, stop := context.WithCancel(db.hub.watching)
	done := make(chan struct{})
	go func() {
		defer close(done)
		db.keepDuty(keeping, duty, lost)
	}()
	return func() {
		stop()
		<-done
		d.mu.Lock()
		defer d.mu.Unlock()
		if d.holders[duty]--; d.holders[duty] == 0 {
			delete(d.holders, duty)
			db.hub.rows.EndLease(context.WithoutCancel(ctx), duty)
		}
	}, nil
}

// keepDuty renews a duty until ctx is done, and calls lost if another node has it, or may have it soon.
func (db *DB) keepDuty(ctx context.Context, duty string, lost func()) {
	d := &db.hub.duties
	ticker := time.NewTicker(d.renewal)
	defer ticker.Stop()
	for renewed := time.Now(); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		began := time.Now()
		held, err := db.hub.rows.Lease(ctx, duty)
		switch {
		case ctx.Err() != nil:
			return
		case held:
			renewed = began
		case err == nil || time.Since(renewed) >= d.unsure:
			lost()
			return
		}
	}
}
