package replication

import (
	"context"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/store"
)

// pushStatus is what the rest of the session sees of a push.
type pushStatus struct {
	mu      sync.Mutex // guards the following
	target  store.Sequence
	idle    bool
	unmet   time.Time // since when the longest waiting item was not met by the pull; zero if none waits
	inVain  bool      // an earlier session has started over for all of those
	stopped bool
	cancel  context.CancelFunc
}

// busy reports whether there is anything left to push just now.
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

// stop ends the push, without waiting for it. It may not even have begun.
func (s *pushStatus) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
	if s.cancel != nil {
		s.cancel()
	}
}

// end says that the push has ended.
func (s *pushStatus) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stopped = true
}

// mayBegin reports whether nobody has stopped the push already; from now on that cancels it.
func (s *pushStatus) mayBegin(cancel context.CancelFunc) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancel = cancel
	return !s.stopped
}

// rest notes whether there is anything left to push, and reports whether that is news.
func (s *pushStatus) rest(idle bool, inbox inbox) (changed bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.idle
	s.idle = idle && inbox.empty()
	return s.idle != was
}

// post puts a job into the inbox, and counts as work until it is done.
func (s *pushStatus) post(inbox inbox, job func() error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.idle = false
	inbox.put(job)
}

// reach returns up to where the feed is to be read.
func (s *pushStatus) reach() store.Sequence {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.target
}

// reachFor has the feed read up to last, and reports whether that is further.
func (s *pushStatus) reachFor(last store.Sequence) (further bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	further = last > s.target
	s.target = last
	return further
}

// waitFor notes since when items wait for what the pull does not bring, and whether an earlier session has
// started over for all of them.
func (s *pushStatus) waitFor(unmet time.Time, inVain bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.unmet, s.inVain = unmet, inVain
}

// unmetSince returns since when an item waits for what the pull does not bring, zero if none does. inVain
// says that an earlier session has started over for each of them already.
func (s *pushStatus) unmetSince() (since time.Time, inVain bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.unmet, s.inVain
}

func (s *pushStatus) isUnmet() bool {
	since, _ := s.unmetSince()
	return !since.IsZero()
}
