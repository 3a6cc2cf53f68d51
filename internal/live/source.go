package live

import "time"

// source is a collection that followed queries read. Its hub's mutex guards it.
type source[R any] struct {
	of        Collection
	owed      time.Duration // rest for looks at queries; only the watcher uses it
	feed      Feed
	users     int
	calm      map[*run[R]]uint64 // queries that have yet to hear of a commit, with the commits they have seen
	expecting chan struct{}      // capacity 1: calm has got its first query
	gone      chan struct{}      // closed when nobody uses it
}

// source returns the source of a collection, and counts a user.
func (h *Hub[R]) source(c Collection) *source[R] {
	s := h.sources[c.Number()]
	if s == nil {
		s = &source[R]{
			of: c, feed: c.Follow(), calm: map[*run[R]]uint64{},
			expecting: make(chan struct{}, 1), gone: make(chan struct{}),
		}
		h.sources[c.Number()] = s
		h.work.Go(func() { h.watch(s) })
	}
	s.users++
	return s
}

// expect has r run after the next commit.
func (s *source[R]) expect(r *run[R], seen uint64) {
	s.calm[r] = seen
	if len(s.calm) == 1 {
		signal(s.expecting)
	}
}

// leave ends the use by r.
func (s *source[R]) leave(h *Hub[R], r *run[R]) {
	delete(s.calm, r)
	if s.users--; s.users == 0 {
		delete(h.sources, s.of.Number())
		s.feed.Close()
		close(s.gone)
	}
}

// watch queues queries after commits. While all queries of the source are queued it does not listen:
// a stream of commits then costs nothing.
func (h *Hub[R]) watch(s *source[R]) {
	for {
		select {
		case <-s.gone:
			return
		case <-s.expecting:
		}
		for h.anyCalm(s) {
			select {
			case <-s.gone:
				return
			case _, open := <-s.feed.C():
				if !open {
					return
				}
				if !s.rest(h.changed(s)) {
					return
				}
			}
		}
	}
}

func (h *Hub[R]) anyCalm(s *source[R]) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(s.calm) > 0
}

// changed queues the queries that have not seen the latest commit and may be affected by it. It returns how long that took.
func (h *Hub[R]) changed(s *source[R]) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	began := time.Now()
	h.stats.Wakes++
	count, changes, known := s.feed.Changes()
	for r, seen := range s.calm {
		switch {
		case seen >= count:
		case known && r.query.Affected != nil && !r.query.Affected(s.of, changes):
			h.stats.Spared++
			s.calm[r] = count
			r.sees(s, count)
		default:
			delete(s.calm, r)
			h.enqueue(r, r.begun.Add(Pause))
		}
	}
	return time.Since(began)
}

// rest waits after looks at all queries, so that a stream of commits does not keep a processor busy with them. It reports
// false if nobody uses the source any more.
func (s *source[R]) rest(took time.Duration) bool {
	if s.owed += mostRest * took; s.owed < leastRest {
		return true
	}
	timer := time.NewTimer(min(s.owed, Pause))
	s.owed = 0
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-s.gone:
		return false
	}
}

// commits counts all commits in the followed collections.
func (h *Hub[R]) commits() (n uint64) {
	for _, s := range h.sources {
		n += s.feed.Count()
	}
	return n
}

// signal sets a channel of capacity 1.
func signal(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default: // set already
	}
}

// queue is a heap of the queries that wait to run. The one that is due first has the index 0.
type queue[R any] []*run[R]

func (q queue[R]) Len() int { return len(q) }

// Less implements [sort.Interface].
func (q queue[R]) Less(i, j int) bool {
	if q[i].due.Equal(q[j].due) {
		return q[i].turn < q[j].turn
	}
	return q[i].due.Before(q[j].due)
}

func (q queue[R]) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].index, q[j].index = i, j
}

// Push implements [heap.Interface].
func (q *queue[R]) Push(x any) {
	r := x.(*run[R])
	r.index = len(*q)
	*q = append(*q, r)
}

// Pop implements [heap.Interface].
func (q *queue[R]) Pop() any {
	last := len(*q) - 1
	r := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return r
}

// isDue reports whether the first query is to run now.
func (q queue[R]) isDue(now time.Time) bool { return len(q) > 0 && !q[0].due.After(now) }
