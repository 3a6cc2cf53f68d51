package replication

import (
	"sync"

	"github.com/tandemdb/tandem/internal/revision"
)

// pushSlot holds the push of a collection, while there is one: on the passive side it comes with a
// subscription. What it is told while there is none is no news to anybody.
type pushSlot struct {
	mu   sync.Mutex
	push *pusher // guarded by mu
}

// get returns the push, nil while there is none.
func (s *pushSlot) get() *pusher {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.push
}

func (s *pushSlot) set(push *pusher) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.push = push
}

// tell has tell called with the push, if there is one.
func (s *pushSlot) tell(tell func(*pusher)) {
	if push := s.get(); push != nil {
		tell(push)
	}
}

// ended reports whether nothing is pushed, nor going to be.
func (s *pushSlot) ended() bool {
	push := s.get()
	return push == nil || push.ended()
}

func (s *pushSlot) busy() bool {
	push := s.get()
	return push != nil && push.busy()
}

// refresh has the feed read once more, and counts as work until it is.
func (s *pushSlot) refresh() { s.tell((*pusher).refresh) }

// received tells that a revision came from the peer.
func (s *pushSlot) received(id string, rev revision.ID) {
	s.tell(func(push *pusher) { push.received(id, rev) })
}

// peerHas tells that the peer has announced a revision that we have, or an older one.
func (s *pushSlot) peerHas(n news) {
	s.tell(func(push *pusher) { push.peerHas(n) })
}

// remoteMoved tells that the pull has learnt what the peer has of a document.
func (s *pushSlot) remoteMoved(id string) {
	s.tell(func(push *pusher) { push.remoteMoved(id) })
}

// pulled tells a push that waits for it what the pull has brought.
func (s *pushSlot) pulled(id string) {
	s.tell(func(push *pusher) {
		if push.isUnmet() {
			push.remoteMoved(id)
		}
	})
}

// pullMet tells that the pull has met the peer's revision of a document, and not stored it.
func (s *pushSlot) pullMet(id string) {
	s.tell(func(push *pusher) { push.pullMet(id) })
}
