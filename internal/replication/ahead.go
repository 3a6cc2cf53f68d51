package replication

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
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
}

func (a awaited) equal(b awaited) bool { return a.Revision == b.Revision && a.Due.Equal(b.Due) }

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
	if _, known := h.all[id]; !known && len(h.all) >= maxAwaited || h.s.remote == 0 {
		return false, nil
	}
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

func tooEarly(id string, a awaited) error {
	return fault.BadRevisionID.In("receive document", id).
		Says("version %s is of a time more than 2 minutes ahead; it is asked for again after %s",
			a.Revision, a.Due.Local().Format(time.RFC3339)).
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

// asking returns the configuration of a session that asks for what is due, and what that is, by the places of the
// collections; nil if nothing is.
func (cfg Active) asking(ctx context.Context) (*Active, []map[string]awaited, error) {
	if len(cfg.Collections) == 0 {
		return nil, nil, nil
	}
	var collections []CollectionOptions
	var asked []map[string]awaited
	err := cfg.DB.View(ctx, func(tx *store.Tx) error {
		remote, err := tx.RemoteFor(cfg.Remote)
		if err != nil || remote == 0 {
			return err
		}
		for _, opts := range cfg.Collections {
			all, err := readAwaited(tx, remote, opts.Collection)
			if err != nil && !isNotFound(err) {
				return err
			}
			if cfg.RetryRefused {
				if err := addRefused(tx, remote, opts.Collection, all); err != nil {
					return err
				}
			}
			due := make(map[string]awaited)
			wanted := idSet(opts.DocIDs)
			opts.DocIDs = nil
			for id, a := range all {
				if opts.Pull && !tx.Now().Before(a.Due) && (wanted == nil || wanted[id]) && document.CheckIncomingID(id) == nil {
					due[id] = a
					opts.DocIDs = append(opts.DocIDs, id)
				}
			}
			if len(due) > 0 {
				opts.Push, opts.Channels = false, nil // a gateway takes IDs or channels
				collections, asked = append(collections, opts), append(asked, due)
			}
		}
		return nil
	})
	if err != nil || len(collections) == 0 {
		return nil, nil, err
	}
	cfg.Collections, cfg.Continuous, cfg.Reset, cfg.asks = collections, false, true, true
	return &cfg, asked, nil
}

// addRefused adds the documents that were refused here, as if they were due.
func addRefused(tx *store.Tx, remote store.Remote, c *store.Collection, all map[string]awaited) error {
	return eachRefusal(tx, remote, c, func(id string, r Refusal) error {
		if _, early := all[id]; early || r.Push {
			return nil
		}
		head, err := tx.Head(c, id)
		if err != nil && !isNotFound(err) {
			return err
		}
		if head == nil || !head.Rev.Contains(revision.ID(r.Revision)) {
			all[id] = awaited{Revision: revision.ID(r.Revision)}
		}
		return nil
	})
}

// forgetAsked takes off what was asked for and did not come: the peer has it no more. What came too early once more
// stays.
func (cfg Active) forgetAsked(ctx context.Context, asked []map[string]awaited) error {
	return cfg.DB.Update(ctx, func(tx *store.Tx) error {
		remote, err := tx.RemoteFor(cfg.Remote)
		if err != nil {
			return err
		}
		for i, opts := range cfg.Collections {
			now, err := readAwaited(tx, remote, opts.Collection)
			if err != nil {
				return err
			}
			for id, a := range asked[i] {
				if is, still := now[id]; still && is.equal(a) {
					if err := tx.SetInfo(aheadSpace(remote, opts.Collection), id, nil); err != nil {
						return err
					}
				}
			}
		}
		return nil
	})
}

// receive stores a revision that has arrived, and notes what the peer shows by it. One that came too early is written
// down, in the same transaction.
func (a *arrival) receive(tx *store.Tx) error {
	var err error
	if a.outcome, err = tx.Receive(a.c.store(), a.store); err != nil {
		if a.due = revision.Due(a.store.Rev, tx.Now()); a.due.IsZero() {
			return err
		}
		var writing error
		a.awaited, writing = a.c.ahead.put(tx, a.store.ID, awaited{a.store.Rev.ID, a.due})
		return errors.Join(writing, err)
	}
	if err := a.c.ahead.arrived(tx, a.store.ID); err != nil {
		return err
	}
	return a.c.noteArrived(tx, a.store.ID, a.store.Rev)
}

// refuseForNow answers a revision that came too early. A listener cannot ask for it later: to a client it says that
// the trouble may pass, so that a LiteCore pushes the revision again with its next connection.
func (a *arrival) refuseForNow() {
	err := tooEarly(a.store.ID, awaited{a.store.Rev.ID, a.due})
	if a.store.Remote == 0 {
		a.req.ReplyError(wire.TooEarly(err))
	} else {
		a.c.s.refuse(a.req, err)
	}
	a.c.report(DocumentEvent{
		ID: a.store.ID, Revision: string(a.store.Rev.ID), Deleted: a.store.Deleted, Err: err, Transient: true,
	})
	a.push.pullMet(a.store.ID)
	if a.awaited {
		a.wanted.done(a.want)
		return
	}
	a.wanted.leaveOpen(a.want)
}
