package replication

import (
	"sync"

	"github.com/tandemdb/tandem/internal/revision"
)

// pushSlot holds the push of a collection. On the passive side a subscription creates the push;
// until then, events for the slot have no effect.
type pushSlot struct {
	mu   sync.Mutex
	push *pusher // guarded by mu
}

// get returns the push, or nil.
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

// tell calls tell with the push, if there is one.
func (s *pushSlot) tell(tell func(*pusher)) {
	if push := s.get(); push != nil {
		tell(push)
	}
}

// ended reports whether nothing is being pushed and nothing will be.
func (s *pushSlot) ended() bool {
	push := s.get()
	return push == nil || push.ended()
}

func (s *pushSlot) busy() bool {
	push := s.get()
	return push != nil && push.busy()
}

// refresh makes the push read the feed again. The push counts as busy until then.
func (s *pushSlot) refresh() { s.tell((*pusher).refresh) }

// received says that a revision came from the peer.
func (s *pushSlot) received(id string, rev revision.ID) {
	s.tell(func(push *pusher) { push.received(id, rev) })
}

// peerHas says that the peer has announced our revision or an older one.
func (s *pushSlot) peerHas(n news) {
	s.tell(func(push *pusher) { push.peerHas(n) })
}

// remind announces our revision of a document to a client once more.
func (s *pushSlot) remind(id string) {
	s.tell(func(push *pusher) { push.remind(id) })
}

// goOn lets a one-shot push go on to the last change: the answers to the peer have moved documents there.
func (s *pushSlot) goOn() { s.tell((*pusher).goOn) }

// remoteMoved says that the pull has learnt the peer's revision of a document.
func (s *pushSlot) remoteMoved(id string) {
	s.tell(func(push *pusher) { push.remoteMoved(id) })
}

// pulled says that the pull has stored a document, for a push that waits for one.
func (s *pushSlot) pulled(id string) {
	s.tell(func(push *pusher) {
		if push.isUnmet() {
			push.remoteMoved(id)
		}
	})
}

// pullMet says that the pull has met the peer's revision of a document without storing it.
func (s *pushSlot) pullMet(id string) {
	s.tell(func(push *pusher) { push.pullMet(id) })
}
