package replication

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/tandemdb/tandem/internal/replication/checkpoint"
	"github.com/tandemdb/tandem/internal/store"
)

// State says how a document stands with one peer.
type State string

// The states.
const (
	StateSynced     State = "synced"      // the peer has our revision
	StatePending    State = "pending"     // the next push sends it
	StateFiltered   State = "filtered"    // the push filter rejects it
	StateConflict   State = "in conflict" // both sides have changed it; the next run resolves the conflict
	StateRefused    State = "refused"     // the peer rejected our revision, or we rejected the peer's
	StateUnknown    State = "unknown"     // the database has no such document
	StateNeverTried State = "never tried" // no replication with this peer has begun
)

// Explanation says why a document has or has not been replicated.
type Explanation struct {
	State  State
	Reason string // in English, for people

	Revision string // our revision; "" if there is none
	Remote   string // the peer's revision, as far as we know; "" if there is none
	Refusal  *Refusal
}

// Explain reports the state of a document with the peer at remote, under the given options. It
// calls the push filter outside of any transaction, as a push does.
func Explain(ctx context.Context, db *store.DB, remote string, opts CollectionOptions, id string) (Explanation, error) {
	var e Explanation
	var doc *store.Document
	var whole *Refusal
	var number store.Remote
	var done checkpoint.Local
	var early *awaited
	err := db.View(ctx, func(tx *store.Tx) (err error) {
		if number, err = tx.RemoteFor(remote); err != nil {
			return err
		}
		if doc, err = tx.Document(opts.Collection, id); err != nil && !isNotFound(err) {
			return err
		}
		if e.Refusal, err = refusalsBy(number, opts.Collection).of(tx, id); err != nil {
			return err
		}
		if whole, err = refusalsBy(number, opts.Collection).of(tx, allDocuments); err != nil {
			return err
		}
		if done, err = anyPositionOf(tx, db, remote, opts); err != nil {
			return err
		}
		early, err = awaitedFrom(number, opts.Collection).of(tx, id)
		return err
	})
	if err != nil {
		return e, err
	}
	switch e.judge(doc, number, opts, done); {
	case early != nil:
		e.State, e.Refusal, e.Reason = StatePending, nil, tooEarly(id, *early).Error()
	case e.State == StatePending && whole != nil:
		e.State, e.Refusal = StateRefused, whole
		e.Reason = fmt.Sprintf("the peer takes nothing that is pushed (%s %d): %s", whole.Domain, whole.Code, whole.Message)
	}
	return e, nil
}

func (e *Explanation) judge(doc *store.Document, remote store.Remote, opts CollectionOptions, done checkpoint.Local) {
	set := func(state State, format string, args ...any) { e.State, e.Reason = state, fmt.Sprintf(format, args...) }
	if doc != nil {
		e.Revision, e.Remote = string(doc.Rev.ID), string(doc.Known(remote))
	}
	if r := e.Refusal; r != nil && r.Push && (doc == nil || r.Revision != e.Revision) {
		e.Refusal = nil // the refusal concerns another revision
	}
	switch refusal := e.Refusal; {
	case doc == nil && refusal != nil:
		set(StateRefused, "the peer's revision %s was not stored: %s", refusal.Revision, refusal.Message)
	case doc == nil:
		set(StateUnknown, "there is no such document here")
	case doc.Conflicted:
		set(StateConflict, "the peer has changed it too, to %s; the next run resolves the conflict", e.Remote)
	case remote == 0:
		set(StateNeverTried, "there was no replication with this peer yet")
	case e.Remote == e.Revision:
		set(StateSynced, "the peer has this revision")
	case refusal != nil:
		set(StateRefused, "%s refused (%s %d): %s", direction(refusal.Push), refusal.Domain, refusal.Code, refusal.Message)
	default:
		e.judgePush(doc, opts, done)
	}
}

func (e *Explanation) judgePush(doc *store.Document, opts CollectionOptions, done checkpoint.Local) {
	e.State = StateFiltered
	if opts.DocIDs != nil && !idSet(opts.DocIDs)[doc.ID] {
		e.Reason = "the replication is limited to other documents"
		return
	}
	passes, failure := asked(opts.PushFilter, doc)
	switch {
	case !passes && failure == nil:
		e.Reason = "the push filter refuses it"
	case done.Covers(uint64(doc.Sequence)):
		e.Reason = "an earlier run has left it out, by its filter or because the peer refused it; retry what was refused, or reset the checkpoint, to try again"
	case failure != nil:
		e.State, e.Reason = StatePending, "the push filter failed, and the next run asks it again: "+failure.Error()
	case e.Remote == "":
		e.State, e.Reason = StatePending, "it has not been pushed yet"
	default:
		e.State, e.Reason = StatePending, "it has changed since the last push"
	}
}

func direction(push bool) string {
	if push {
		return "the push was"
	}
	return "the pull was"
}

// Pending returns the IDs of the documents that a push under these options would send, including
// deleted documents and excluding documents in conflict. It may miss a document that changes
// meanwhile. It calls the push filter outside of any transaction, as a push does.
func Pending(ctx context.Context, db *store.DB, remote string, opts CollectionOptions) ([]string, error) {
	q, err := newPendingQuery(ctx, db, remote, opts)
	if err != nil {
		return nil, err
	}
	var pending []string
	for since := store.Sequence(q.done.Seen()); since < q.last; {
		var docs []*store.Document
		err := db.View(ctx, func(tx *store.Tx) (err error) {
			docs, err = tx.Changes(opts.Collection, since, changesPerBatch, store.Select{WithBody: opts.PushFilter != nil})
			return err
		})
		if err != nil {
			return nil, err
		}
		for _, doc := range docs {
			if since = doc.Sequence; since <= q.last && q.isPending(doc) {
				pending = append(pending, doc.ID)
			}
		}
		if len(docs) < changesPerBatch {
			break
		}
	}
	return pending, nil
}

// IsPending reports whether [Pending] would include the document.
func IsPending(ctx context.Context, db *store.DB, remote string, opts CollectionOptions, id string) (bool, error) {
	q, err := newPendingQuery(ctx, db, remote, opts)
	if err != nil {
		return false, err
	}
	var doc *store.Document
	err = db.View(ctx, func(tx *store.Tx) (err error) {
		doc, err = tx.Document(opts.Collection, id)
		return err
	})
	if isNotFound(err) {
		return false, nil
	}
	return err == nil && q.isPending(doc), err
}

// pendingQuery holds the data that decides whether a document is pending.
type pendingQuery struct {
	opts   CollectionOptions
	wanted map[string]bool // nil means all documents
	remote store.Remote
	done   checkpoint.Local
	last   store.Sequence // the last sequence when the query began
}

func newPendingQuery(ctx context.Context, db *store.DB, remote string, opts CollectionOptions) (*pendingQuery, error) {
	q := &pendingQuery{opts: opts, wanted: idSet(opts.DocIDs)}
	err := db.View(ctx, func(tx *store.Tx) (err error) {
		if q.remote, err = tx.RemoteFor(remote); err != nil {
			return err
		}
		if q.last, err = tx.LastSequence(opts.Collection); err != nil {
			return err
		}
		q.done, err = positionOf(tx, db, remote, opts)
		return err
	})
	return q, err
}

func (q *pendingQuery) isPending(doc *store.Document) bool {
	switch {
	case doc.Conflicted, q.remote != 0 && doc.Known(q.remote) == doc.Rev.ID:
		return false
	case q.wanted != nil && !q.wanted[doc.ID], q.done.Covers(uint64(doc.Sequence)):
		return false
	}
	passes, failure := asked(q.opts.PushFilter, doc)
	return passes || failure != nil
}

// asked calls a push filter. A failed filter has not rejected the document.
func asked(filter Filter, doc *store.Document) (passes bool, failure error) {
	if filter == nil {
		return true, nil
	}
	return callFilter(slog.New(slog.DiscardHandler), filter, doc, false)
}
