package replication

import (
	"context"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/store"
)

// pushStatus is the state of a push that the rest of the session can see.
type pushStatus struct {
	mu      sync.Mutex // guards the following
	target  store.Sequence
	idle    bool
	unmet   time.Time // since when the longest-waiting item lacks a revision from the pull; zero if none waits
	inVain  bool      // an earlier session has started over for all waiting items
	stopped bool
	cancel  context.CancelFunc
}

// busy reports whether the push has work.
func (s *pushStatus) busy() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.idle && !s.stopped
}

func (s *pushStatus) ended() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopped
}

// stop ends the push without waiting, even before it has begun. Nothing is sent after stop has returned.
func (s *pushStatus) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	if s.cancel != nil {
		s.cancel()
	}
}

// unlessStopped calls send, which queues a message; stop waits until that call returns.
// unlessStopped fails if the push was stopped.
func (s *pushStatus) unlessStopped(send func() error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return context.Canceled
	}
	return send()
}

// mayBegin reports false if stop was called already. From now on, stop calls cancel.
func (s *pushStatus) mayBegin(cancel context.CancelFunc) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel = cancel
	return !s.stopped
}

// rest records whether the push is idle, and reports whether that has changed.
func (s *pushStatus) rest(idle bool, inbox inbox) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.idle
	s.idle = idle && inbox.empty()
	return s.idle != was
}

// post puts a job into the inbox. The push counts as busy until the job is done.
func (s *pushStatus) post(inbox inbox, job func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = false
	inbox.put(job)
}

// reach returns the sequence up to which run reads the feed.
func (s *pushStatus) reach() store.Sequence {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.target
}

// reachFor extends the reach to last, and reports whether it grew.
func (s *pushStatus) reachFor(last store.Sequence) (further bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	further = last > s.target
	s.target = last
	return further
}

// waitFor records since when items have waited for the pull, and whether an earlier session has
// started over for all of them.
func (s *pushStatus) waitFor(unmet time.Time, inVain bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unmet, s.inVain = unmet, inVain
}

// unmetSince returns since when an item has waited for a revision from the pull, zero if none
// waits. inVain means that an earlier session has already started over for each of them.
func (s *pushStatus) unmetSince() (since time.Time, inVain bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unmet, s.inVain
}

func (s *pushStatus) isUnmet() bool {
	since, _ := s.unmetSince()
	return !since.IsZero()
}
