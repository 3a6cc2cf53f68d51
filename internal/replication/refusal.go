package replication

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// Refusal is a remembered failure of one document.
type Refusal struct {
	Time     time.Time    `json:"time"`
	Push     bool         `json:"push"`
	Revision string       `json:"revision"`
	Domain   fault.Domain `json:"domain"`
	Code     int          `json:"code"`
	Message  string       `json:"message"`
}

// maxRefusals bounds how many documents' refusals are remembered for each peer and collection.
const maxRefusals = 10_000

// allDocuments is the ID under which it is remembered that a peer refuses whatever is pushed.
const allDocuments = ""

// refusalSpace is where the store's small values keep refusals.
func refusalSpace(remote store.Remote, c *store.Collection) string {
	return fmt.Sprintf("refused %d %s", remote, c.FullName())
}

func refusalOf(tx *store.Tx, remote store.Remote, c *store.Collection, id string) (*Refusal, error) {
	text, err := tx.Info(refusalSpace(remote, c), id)
	if err != nil || text == nil {
		return nil, err
	}
	r := new(Refusal)
	if err := json.Unmarshal(text, r); err != nil {
		return nil, nil //nolint:nilerr,nilnil // nothing that could be told
	}
	return r, nil
}

// refusals remembers the failures of the documents of one collection, with the peer of the active side.
type refusals struct {
	s     *engine
	store *store.Collection
	count atomic.Int64 // remembered in this session
}

// remember notes the failures among events, for Explain.
func (r *refusals) remember(events []DocumentEvent) {
	if r.s.remote == 0 {
		return
	}
	for _, e := range events {
		if e.Err == nil || e.Transient || r.count.Add(1) > maxRefusals {
			continue
		}
		text := newRefusal(e.Push, e.Revision, e.Err).encode()
		r.s.spawn(func(ctx context.Context) error {
			r.note(ctx, e.ID, text)
			return nil
		})
	}
}

// sequences returns those of the documents that the peer has refused, and that have not changed since.
func (r *refusals) sequences(ctx context.Context) (all []uint64, err error) {
	err = r.s.db.View(ctx, func(tx *store.Tx) error {
		return eachRefusal(tx, r.s.remote, r.store, func(id string, refusal Refusal) error {
			head, err := tx.Head(r.store, id)
			if err == nil && refusal.Push && string(head.Rev.ID) == refusal.Revision && head.Known(r.s.remote) != head.Rev.ID {
				all = append(all, uint64(head.Sequence))
			}
			if isNotFound(err) {
				return nil
			}
			return err
		})
	})
	return all, err
}

// eachRefusal calls yield for each document of which a refusal is remembered.
func eachRefusal(tx *store.Tx, remote store.Remote, c *store.Collection, yield func(id string, r Refusal) error) error {
	return tx.Infos(refusalSpace(remote, c), func(id string, text []byte) error {
		var r Refusal
		if id == allDocuments || json.Unmarshal(text, &r) != nil {
			return nil
		}
		return yield(id, r)
	})
}

// rememberAll notes that the peer refuses whatever is pushed.
func (r *refusals) rememberAll(err error) {
	r.note(r.s.work, allDocuments, newRefusal(true, "", err).encode())
}

// forgetAll notes that it does not, or not any more.
func (r *refusals) forgetAll() {
	r.s.spawn(func(ctx context.Context) error {
		var whole *Refusal
		err := r.s.db.View(ctx, func(tx *store.Tx) (err error) {
			whole, err = refusalOf(tx, r.s.remote, r.store, allDocuments)
			return err
		})
		if err == nil && whole != nil {
			r.note(ctx, allDocuments, nil)
		}
		return nil
	})
}

func (r *refusals) note(ctx context.Context, id string, text []byte) {
	err := r.s.db.Update(ctx, func(tx *store.Tx) error {
		return tx.SetInfo(refusalSpace(r.s.remote, r.store), id, text)
	})
	if err != nil {
		r.s.log.Warn("a refusal is not remembered", "document", id, "error", err)
	}
}

func newRefusal(push bool, rev string, err error) Refusal {
	r := Refusal{Time: time.Now(), Push: push, Revision: rev, Message: err.Error()}
	if f := fault.Of(err); f != nil {
		r.Domain, r.Code = f.Domain, f.Code
	}
	return r
}

func (r Refusal) encode() []byte {
	text, err := json.Marshal(r)
	if err != nil {
		return nil // such texts, numbers and times have a form in JSON
	}
	return text
}
