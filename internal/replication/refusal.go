package replication

import (
	"context"
	"sync"
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

// maxRefusals bounds the remembered refusals for each peer and collection.
const maxRefusals = 10_000

// allDocuments is the key of the refusal of all documents by the peer.
const allDocuments = ""

// refusalsBy returns the remembered refusals of a collection's documents, in both directions.
func refusalsBy(remote store.Remote, c *store.Collection) records[Refusal] {
	return records[Refusal]{recordSpace("refused", remote, c)}
}

// refusals remembers failed documents of one collection, on the active side.
type refusals struct {
	s     *engine
	store *store.Collection

	mu      sync.Mutex // guards the following
	count   int        // written in this session
	waiting map[string]Refusal
	writing bool // a goroutine is writing
}

// remember records the failures among events, for Explain. At most one goroutine writes at a time.
func (r *refusals) remember(events []DocumentEvent) {
	if r.s.remote == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range events {
		if e.Err == nil || e.Transient || r.count >= maxRefusals {
			continue
		}
		r.count++
		if r.waiting == nil {
			r.waiting = make(map[string]Refusal)
		}
		r.waiting[e.ID] = newRefusal(e.Push, e.Revision, e.Err)
	}
	if len(r.waiting) > 0 && !r.writing {
		r.writing = true
		r.s.spawn(r.write)
	}
}

// write writes the waiting refusals until there are no more. The session's end waits briefly for
// it.
func (r *refusals) write(ctx context.Context) error {
	session := ctx
	ctx, cancel := context.WithCancel(context.WithoutCancel(session))
	defer cancel()
	defer context.AfterFunc(session, func() { time.AfterFunc(farewell, cancel) })()
	for batch := r.take(); len(batch) > 0; batch = r.take() {
		r.update(ctx, func(tx *store.Tx) error {
			for id, refusal := range batch {
				if err := r.records().set(tx, id, refusal); err != nil {
					return err
				}
			}
			return nil
		})
	}
	return nil
}

// take removes and returns the waiting refusals. If there are none, the next one starts a new
// goroutine.
func (r *refusals) take() map[string]Refusal {
	r.mu.Lock()
	defer r.mu.Unlock()
	batch := r.waiting
	r.waiting, r.writing = nil, len(batch) > 0
	return batch
}

// sequences returns the sequences of documents that the peer refused and that have not changed
// since.
func (r *refusals) sequences(ctx context.Context) (all []uint64, err error) {
	err = r.s.db.View(ctx, func(tx *store.Tx) error {
		all = nil
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

// eachRefusal calls yield for each document with a remembered refusal.
func eachRefusal(tx *store.Tx, remote store.Remote, c *store.Collection, yield func(id string, r Refusal) error) error {
	return refusalsBy(remote, c).each(tx, func(id string, r Refusal) error {
		if id == allDocuments {
			return nil
		}
		return yield(id, r)
	})
}

// rememberAll records that the peer refuses every push.
func (r *refusals) rememberAll(err error) {
	r.update(r.s.work, func(tx *store.Tx) error { return r.records().set(tx, allDocuments, newRefusal(true, "", err)) })
}

// forgetAll removes that record.
func (r *refusals) forgetAll() {
	r.s.spawn(func(ctx context.Context) error {
		var whole *Refusal
		err := r.s.db.View(ctx, func(tx *store.Tx) (err error) {
			whole, err = r.records().of(tx, allDocuments)
			return err
		})
		if err == nil && whole != nil {
			r.update(ctx, func(tx *store.Tx) error { return r.records().remove(tx, allDocuments) })
		}
		return nil
	})
}

// update writes records. A failure is no more than a warning, because replication goes on without
// them.
func (r *refusals) update(ctx context.Context, write func(tx *store.Tx) error) {
	if err := r.s.db.Update(ctx, write); err != nil {
		r.s.log.Warn("refusals are not remembered", "collection", r.store.FullName(), "error", err)
	}
}

func (r *refusals) records() records[Refusal] { return refusalsBy(r.s.remote, r.store) }

func newRefusal(push bool, rev string, err error) Refusal {
	r := Refusal{Time: time.Now(), Push: push, Revision: rev, Message: err.Error()}
	if f := fault.Of(err); f != nil {
		r.Domain, r.Code = f.Domain, f.Code
	}
	return r
}
