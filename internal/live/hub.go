package live

import (
	"container/heap"
	"context"
	"errors"
	"runtime"
	"sync"
	"time"
)

// ErrClosed is the error of a hub that was closed.
var ErrClosed = errors.New("live: the hub is closed")

// Collection is what a query reads.
type Collection interface {
	// Number returns a number that no other collection has.
	Number() int64
	// Follow opens the feed of the collection.
	Follow() Feed
}

// Feed tells of the commits that change one collection.
type Feed interface {
	// C receives a value when something was committed since the last receive. It is closed with the
	// feed.
	C() <-chan struct{}
	// Count returns the number of commits so far.
	Count() uint64
	// Changes returns the number of commits so far, and what these have changed since the last call. It reports false
	// if that is not known.
	Changes() (count uint64, changes any, known bool)
	// Close closes the feed.
	Close()
}

// Query is what a hub runs.
type Query[R any] struct {
	Key string       // queries with the same key are the same
	Of  []Collection // that it reads, each once

	// Run runs the query. It gets the outcome of its last run, nil for none.
	Run func(ctx context.Context, last *Outcome[R]) Outcome[R]

	// Affected reports whether changes in a collection, as its feed tells them, may change the result. Nil is always.
	// The hub calls it with its lock held, one call at a time.
	Affected func(of Collection, changes any) bool
}

// Outcome is what a run has brought.
type Outcome[R any] struct {
	Result R
	Digest [32]byte // differs if the result does
	Size   int64    // of the result, in bytes
	Retry  bool     // it failed, and may not fail a while later
	End    bool     // there is nothing to follow any more
	Same   bool     // the result cannot differ, and was not read; only Seen counts
	Seen   any      // what the next run is to know; it is kept even if the result is not
}

// MaxKept bounds the bytes of results that a hub keeps for followers to come. A query whose result
// is not kept runs for a new follower.
const MaxKept = 64 << 20

// Hub runs the queries of a database. Its methods may be called from any goroutine.
type Hub[R any] struct {
	ctx   context.Context //nolint:containedctx // of all runs, which Close ends
	close context.CancelFunc
	work  sync.WaitGroup // runners and watchers

	mu       sync.Mutex // guards the following
	closed   bool
	sources  map[int64]*source[R]
	runs     map[string]*run[R]
	queue    queue[R]
	turn     uint64 // of the latest query that was queued
	kept     int64  // bytes of results
	runners  int
	most     int           // runners at a time
	slow     int           // of those that may be more, since so many runs last long
	sleeping bool          // a runner waits until the first query is due
	wake     chan struct{} // capacity 1: for runners that sleep or rest
	pace     pace
	stats    Stats
}

// Stats counts what a hub has done.
type Stats struct {
	Runs    int // of queries
	Skipped int // runs that read nothing, since the result could not differ
	Spared  int // runs that did not begin, since the changes did not affect the query
	Wakes   int // of goroutines
}

// New returns a hub.
func New[R any]() *Hub[R] {
	h := &Hub[R]{
		sources: map[int64]*source[R]{}, runs: map[string]*run[R]{},
		most: max(2, runtime.GOMAXPROCS(0)/2), wake: make(chan struct{}, 1),
	}
	h.ctx, h.close = context.WithCancel(context.Background())
	return h
}

// Stats returns what the hub has done so far.
func (h *Hub[R]) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stats
}

// Close ends all followers, and waits for the runs.
func (h *Hub[R]) Close() {
	h.mu.Lock()
	h.closed = true
	h.close()
	for _, r := range h.runs {
		for f := range r.followers {
			f.mail, f.ended = nil, true
			f.ring()
		}
		h.drop(r)
	}
	h.mu.Unlock()
	h.work.Wait()
}

// Follow begins to follow a query. The first outcome is that of a run that began after the call, or
// one that no commit has outdated.
func (h *Hub[R]) Follow(q Query[R]) (*Follower[R], error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, ErrClosed
	}
	f := &Follower[R]{hub: h, bell: make(chan struct{}, 1)}
	h.attach(f, q)
	return f, nil
}

// attach has f follow q, and sees to its first outcome.
func (h *Hub[R]) attach(f *Follower[R], q Query[R]) {
	r := h.runs[q.Key]
	if r == nil {
		r = newRun(h, q)
		h.runs[q.Key] = r
	}
	r.followers[f] = struct{}{}
	f.run, f.wants = r, true
	switch {
	case r.state == idle && r.kept && r.isRecent():
		f.deliver(&r.last)
	case r.state == running && r.isRecent():
		f.from = r.number
	default:
		f.from = r.number + 1
		h.enqueue(r, time.Time{})
	}
}

// detach ends the run of a query that nobody follows any more.
func (h *Hub[R]) detach(f *Follower[R]) {
	if f.run == nil {
		return
	}
	r := f.run
	f.run = nil
	delete(r.followers, f)
	if len(r.followers) == 0 {
		h.drop(r)
	}
}

// drop forgets a query.
func (h *Hub[R]) drop(r *run[R]) {
	if r.state == ended {
		return
	}
	if r.state == queued {
		heap.Remove(&h.queue, r.index)
	}
	r.state = ended
	r.cancel()
	h.forget(r)
	if h.runs[r.query.Key] == r {
		delete(h.runs, r.query.Key)
	}
	for _, s := range r.sources {
		s.leave(h, r)
	}
}

// forget gives up the result of a query.
func (h *Hub[R]) forget(r *run[R]) {
	if r.kept {
		h.kept -= r.last.Size
	}
	var none R
	r.kept, r.last.Result = false, none
}

// enqueue has r run when it is due; the zero time is at once, before all others. A run that goes on
// is followed by another.
func (h *Hub[R]) enqueue(r *run[R], due time.Time) {
	switch r.state {
	case running:
		if !r.again || due.Before(r.due) {
			r.again, r.due = true, due
		}
		return
	case queued:
		if due.Before(r.due) {
			r.due = due
			heap.Fix(&h.queue, r.index)
		}
	case idle:
		h.turn++
		r.state, r.due, r.turn = queued, due, h.turn
		heap.Push(&h.queue, r)
	case ended:
		return
	}
	h.hire()
}
