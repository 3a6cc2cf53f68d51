package live

import (
	"context"
	"time"
)

// Pause lies at least between the begins of two runs of a query, unless a new follower needs one.
const Pause = 250 * time.Millisecond

// RetryAfter is when a query runs again after a failure that may pass.
const RetryAfter = time.Second

// state is what a query does.
type state uint8

const (
	idle    state = iota // its result is the present one
	queued               // it is to run
	running              // it runs
	ended                // nobody follows it
)

// run is a query that is followed. Its hub's mutex guards it.
type run[R any] struct {
	query     Query[R]
	ctx       context.Context //nolint:containedctx // of its runs, which its end ends
	cancel    context.CancelFunc
	followers map[*Follower[R]]struct{}
	sources   []*source[R]
	seen      []uint64 // commits in each source when the last run began

	state  state
	again  bool      // it is to run again after the present run
	due    time.Time // when it is to run
	turn   uint64    // among those that are due at the same time
	index  int       // in the queue
	number uint64    // of the present or last run, from 1
	begun  time.Time // the last run
	last   Outcome[R]
	known  bool // there is a last outcome
	kept   bool // its result, too
}

func newRun[R any](h *Hub[R], q Query[R]) *run[R] {
	r := &run[R]{query: q, followers: map[*Follower[R]]struct{}{}, seen: make([]uint64, len(q.Of))}
	r.ctx, r.cancel = context.WithCancel(h.ctx)
	for _, collection := range q.Of {
		r.sources = append(r.sources, h.source(collection))
	}
	return r
}

// isRecent reports whether nothing was committed since the last run began.
func (r *run[R]) isRecent() bool {
	for i, s := range r.sources {
		if s.feed.Count() != r.seen[i] {
			return false
		}
	}
	return r.number > 0
}

// sees notes that the result is that of so many commits in a source.
func (r *run[R]) sees(s *source[R], count uint64) {
	for i, of := range r.sources {
		if of == s {
			r.seen[i] = count
		}
	}
}

// begin notes what the run is going to see, and returns the outcome of the one before. That is nil
// if the run must not be skipped: a follower wants a result that is not kept.
func (r *run[R]) begin(now time.Time) *Outcome[R] {
	r.state, r.again, r.begun = running, false, now
	r.number++
	for i, s := range r.sources {
		r.seen[i] = s.feed.Count()
		s.expect(r, r.seen[i])
	}
	if !r.known || !r.kept && r.isWanted() {
		return nil
	}
	last := r.last
	return &last
}

func (r *run[R]) isWanted() bool {
	for f := range r.followers {
		if f.wants {
			return true
		}
	}
	return false
}

// finish takes the outcome of the present run, tells the followers, and sees to the next run.
func (h *Hub[R]) finish(r *run[R], o Outcome[R]) {
	if r.state == ended {
		return
	}
	differs := !o.Same && (!r.known || o.Digest != r.last.Digest)
	h.take(r, o)
	for f := range r.followers {
		switch {
		case f.from > r.number || !f.wants && !differs:
		case o.Same && !r.kept: // it came during the run, and the result is gone
			f.from, r.again, r.due = r.number+1, true, time.Time{}
		default:
			f.deliver(&r.last)
		}
	}
	if o.End {
		h.end(r)
		return
	}
	r.state = idle
	switch {
	case r.again:
		h.enqueue(r, r.due)
	case o.Retry:
		h.enqueue(r, time.Now().Add(RetryAfter))
	}
	if !r.kept && !o.Same {
		var none R
		r.last.Result = none
	}
}

// take makes o the last outcome, and keeps its result if there is room.
func (h *Hub[R]) take(r *run[R], o Outcome[R]) {
	if o.Same {
		r.last.Seen = o.Seen
		return
	}
	h.forget(r)
	r.last, r.known = o, true
	if h.kept+o.Size <= MaxKept {
		r.kept = true
		h.kept += o.Size
	}
}

// end ends the followers after their last outcome.
func (h *Hub[R]) end(r *run[R]) {
	for f := range r.followers {
		f.ended, f.run = true, nil
		f.ring()
	}
	clear(r.followers)
	h.drop(r)
}
