package replication

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// A version of a time far ahead is refused: one of the two clocks is wrong. That passes, with the time or when the
// clock is set, but no peer announces the revision again once the checkpoint has passed it. So it is written down
// before, and asked for by the ID of its document, over a connection of its own, when its time has come.

// awaited is a revision that the peer has sent too early.
type awaited struct {
	Revision revision.ID `json:"revision"`
	Due      time.Time   `json:"due"`
	Times    int         `json:"times"` // it was sent too early
}

func (a awaited) equal(b awaited) bool {
	return a.Revision == b.Revision && a.Due.Equal(b.Due) && a.Times == b.Times
}

// maxAwaited bounds how many are written down for a peer and a collection. The checkpoint stays before others.
const maxAwaited = 10_000

// aheadSpace is the space of the store's small values that have them, by the IDs of their documents.
func aheadSpace(remote store.Remote, c *store.Collection) string {
	return fmt.Sprintf("ahead %d %s", remote, c.FullName())
}

func readAwaited(tx *store.Tx, remote store.Remote, c *store.Collection) (map[string]awaited, error) {
	all := make(map[string]awaited)
	err := tx.Infos(aheadSpace(remote, c), func(id string, text []byte) error {
		var a awaited
		if json.Unmarshal(text, &a) == nil { // one that cannot be read is due
			all[id] = a
		}
		return nil
	})
	return all, err
}

// awaitedOf returns the revision of one document; nil if none came too early.
func awaitedOf(tx *store.Tx, remote store.Remote, c *store.Collection, id string) (*awaited, error) {
	text, err := tx.Info(aheadSpace(remote, c), id)
	if err != nil || text == nil {
		return nil, err
	}
	a := new(awaited)
	if json.Unmarshal(text, a) != nil {
		return nil, nil //nolint:nilnil // nothing that could be told
	}
	return a, nil
}

// ahead keeps the revisions of one collection that came too early. Its methods may be called from any goroutine.
type ahead struct {
	s     *engine
	store *store.Collection

	mu    sync.Mutex // guards the following
	all   map[string]awaited
	begun time.Time // what was due then has been asked for before this session
	again time.Time // when what the peer has refused for the same reason is to be offered again; zero for nothing
}

// load reads what earlier sessions have written down.
func (h *ahead) load(ctx context.Context) error {
	return h.s.db.View(ctx, func(tx *store.Tx) error {
		all, err := readAwaited(tx, h.s.remote, h.store)
		h.mu.Lock()
		defer h.mu.Unlock()
		h.all, h.begun = all, tx.Now()
		return err
	})
}

// put writes down a revision; false if there is no room.
func (h *ahead) put(tx *store.Tx, id string, a awaited) (bool, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	before, known := h.all[id]
	if !known && len(h.all) >= maxAwaited || h.s.remote == 0 {
		return false, nil
	}
	a.Times = before.Times + 1
	text, err := json.Marshal(a)
	if err != nil {
		return false, fault.Unexpected.Because(err)
	}
	if err := tx.SetInfo(aheadSpace(h.s.remote, h.store), id, text); err != nil {
		return false, err
	}
	if h.all == nil {
		h.all = make(map[string]awaited)
	}
	h.all[id] = a
	return true, nil
}

// arrived says that a revision of a document was stored, or is known.
func (h *ahead) arrived(tx *store.Tx, id string) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.all[id]; !known {
		return nil // most often
	}
	if err := tx.SetInfo(aheadSpace(h.s.remote, h.store), id, nil); err != nil {
		return err
	}
	delete(h.all, id)
	return nil
}

// events tell of each document that waits for its time.
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

// offerAgain has the session replaced by another after a while, which offers what the peer has refused.
func (h *ahead) offerAgain(now time.Time) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.again.IsZero() {
		h.again = now.Add(offerAgainAfter)
	}
}

// offerAgainAfter is how long a continuous session waits before it offers a version again to a peer whose clock
// is behind: nobody here knows how far.
const offerAgainAfter = 5 * time.Minute

// isDue reports whether another session has something to ask for, or to offer again.
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

// errAskAgain ends a continuous session that has to be followed by one which asks for what came too early.
var errAskAgain = errors.New("a revision that came too early is due")
