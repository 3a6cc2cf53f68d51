package live

import (
	"container/heap"
	"time"
)

// A run that lasts longer than slowRun lets another runner begin, so that a few slow queries do not
// hold up the others. Each takes a connection to the database; mostSlow bounds them.
const (
	slowRun  = 100 * time.Millisecond
	mostSlow = 8
)

// hire sees to it that somebody takes the first query of the queue.
func (h *Hub[R]) hire() {
	switch {
	case h.closed || len(h.queue) == 0:
	case h.sleeping:
		signal(h.wake)
	case h.runners < h.most+h.slow:
		h.runners++
		h.work.Go(h.runner)
	case h.queue[0].due.IsZero():
		signal(h.wake) // somebody rests, perhaps
	}
}

// runner runs queries until none is queued.
func (h *Hub[R]) runner() {
	h.mu.Lock()
	defer h.mu.Unlock()
	var owed time.Duration
	for h.await() {
		r := heap.Pop(&h.queue).(*run[R])
		if !h.sleeping || h.queue.isDue(time.Now()) {
			h.hire()
		}
		took := h.perform(r)
		if owed += h.owes(took); owed >= leastRest {
			h.sleep(owed)
			owed = 0
		}
	}
	h.runners--
}

// await waits until the first query is due, and reports false if none is queued, or another runner
// waits.
func (h *Hub[R]) await() bool {
	for !h.closed && len(h.queue) > 0 {
		wait := time.Until(h.queue[0].due)
		if wait <= 0 {
			return true
		}
		if h.sleeping {
			return false
		}
		h.sleeping = true
		h.sleep(wait)
		h.sleeping = false
	}
	return false
}

// sleep waits for a while, without the lock. An urgent query ends it, and Close.
func (h *Hub[R]) sleep(d time.Duration) {
	h.mu.Unlock()
	defer h.mu.Lock()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-h.wake:
	case <-h.ctx.Done():
	}
}

// perform runs a query, and returns how long that took.
func (h *Hub[R]) perform(r *run[R]) time.Duration {
	began := time.Now()
	last := r.begin(began)
	h.stats.Runs++
	h.mu.Unlock()
	isSlow, over := false, false
	timer := time.AfterFunc(slowRun, func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		if !over && h.slow < mostSlow {
			isSlow = true
			h.slow++
			h.hire()
		}
	})
	o := r.query.Run(r.ctx, last)
	took := time.Since(began)
	timer.Stop()
	h.mu.Lock()
	if over = true; isSlow {
		h.slow--
	}
	if o.Same {
		h.stats.Skipped++
	}
	h.finish(r, o)
	return took
}

// owes returns how long a runner has to rest for a run.
func (h *Hub[R]) owes(took time.Duration) time.Duration {
	if !h.pace.isBusy(h.commits(), time.Now()) {
		return 0
	}
	return rest(took, len(h.queue))
}
