package replication

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// The database refuses a version whose time lies far ahead: one of the two clocks is wrong. The
// refusal ends with time, or when somebody sets the clock, but no peer announces the revision again
// behind the checkpoint. The session therefore records the revision first, and a short connection
// asks for its document by ID when the time has come.

// awaited is a revision that the peer sent too early.
type awaited struct {
	Revision revision.ID `json:"revision"`
	Due      time.Time   `json:"due"`
	Times    int         `json:"times"` // it was sent too early
}

func (a awaited) equal(b awaited) bool {
	return a.Revision == b.Revision && a.Due.Equal(b.Due) && a.Times == b.Times
}

// maxAwaited bounds the records for one peer and collection. Past it the checkpoint stays before
// the revision.
const maxAwaited = 10_000

// awaitedFrom returns the awaited revisions of a collection.
func awaitedFrom(remote store.Remote, c *store.Collection) records[awaited] {
	return records[awaited]{recordSpace("ahead", remote, c)}
}

func readAwaited(tx *store.Tx, remote store.Remote, c *store.Collection) (map[string]awaited, error) {
	all := make(map[string]awaited)
	err := awaitedFrom(remote, c).each(tx, func(id string, a awaited) error {
		all[id] = a
		return nil
	})
	return all, err
}

// ahead keeps the early revisions of one collection. Its methods may be called from any goroutine.
type ahead struct {
	s     *engine
	store *store.Collection

	mu    sync.Mutex // guards the following
	all   map[string]awaited
	begun time.Time // revisions due before this time were requested before the session
	again time.Time // when to offer revisions that the peer's clock refused; zero if there are none
}

// load reads the records of earlier sessions.
func (h *ahead) load(ctx context.Context) error {
	return h.s.db.View(ctx, func(tx *store.Tx) error {
		all, err := readAwaited(tx, h.s.remote, h.store)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.all, h.begun = all, tx.Now()
		return err
	})
}

// put records a revision. It returns false if there is no room.
func (h *ahead) put(tx *store.Tx, id string, a awaited) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before, known := h.all[id]
	if !known && len(h.all) >= maxAwaited || h.s.remote == 0 {
		return false, nil
	}
	a.Times = before.Times + 1
	if err := awaitedFrom(h.s.remote, h.store).set(tx, id, a); err != nil {
		return false, err
	}
	if h.all == nil {
		h.all = make(map[string]awaited)
	}
	h.all[id] = a
	return true, nil
}

// arrived drops the record of a document whose revision is stored or already known.
func (h *ahead) arrived(tx *store.Tx, id string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.all[id]; !known {
		return nil // the common case
	}
	if err := awaitedFrom(h.s.remote, h.store).remove(tx, id); err != nil {
		return err
	}
	delete(h.all, id)
	return nil
}

// events returns an event for each document that waits for its time.
func (h *ahead) events() (all []DocumentEvent) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for id, a := range h.all {
		all = append(all, DocumentEvent{ID: id, Revision: string(a.Revision), Err: tooEarly(id, a), Transient: true})
	}
	return all
}

func tooEarly(id string, a awaited) error { return notBefore(id, a, "is asked for again") }

// notBefore says that a version came too early, and what happens when its time has come.
func notBefore(id string, a awaited, then string) error {
	return fault.BadRevisionID.In("receive document", id).
		Says("version %s is of a time more than 2 minutes ahead; it %s after %s",
			a.Revision, then, a.Due.Local().Format(time.RFC3339)).
		Try("set the clocks of both machines")
}

// offerAgain schedules another session, which offers again the revisions that the peer has refused.
func (h *ahead) offerAgain(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.again.IsZero() {
		h.again = now.Add(offerAgainAfter)
	}
}

// offerAgainAfter is how long a continuous session waits before it offers a version again to a peer
// whose clock is slow. The peer does not say by how much.
const offerAgainAfter = 5 * time.Minute

// isDue reports whether another session has a revision to ask for or to offer again.
func (h *ahead) isDue(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !h.again.IsZero() && !now.Before(h.again) {
		return true
	}
	for _, a := range h.all {
		if a.Due.After(h.begun) && !now.Before(a.Due) {
			return true
		}
	}
	return false
}

// errAskAgain ends a continuous session so that another can ask for revisions that came too early.
var errAskAgain = errors.New("a revision that came too early is due")
