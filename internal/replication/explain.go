package replication

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/tandemdb/tandem/internal/replication/checkpoint"
	"github.com/tandemdb/tandem/internal/store"
)

// State is where a document stands with one peer.
type State string

// The states.
const (
	StateSynced     State = "synced"      // the peer has what we have
	StatePending    State = "pending"     // the next push takes it along
	StateFiltered   State = "filtered"    // the push leaves it out
	StateConflict   State = "in conflict" // both sides have changed it; the next run resolves that
	StateRefused    State = "refused"     // the peer did not take it, or we did not take the peer's
	StateUnknown    State = "unknown"     // there is no such document here
	StateNeverTried State = "never tried" // no replication with this peer has begun
)

// Explanation says why a document has, or has not, been replicated.
type Explanation struct {
	State  State
	Reason string // for people

	Revision string // what we have; "" if nothing
	Remote   string // what the peer is known to have; "" if nothing
	Refusal  *Refusal
}

// Explain says how a document stands with the peer at remote, under the given options.
func Explain(ctx context.Context, db *store.DB, remote string, opts CollectionOptions, id string) (Explanation, error) {
	var e Explanation
	err := db.View(ctx, func(tx *store.Tx) error {
		number, err := tx.RemoteFor(remote)
		if err != nil {
			return err
		}
		doc, err := tx.Document(opts.Collection, id)
		if err != nil && !isNotFound(err) {
			return err
		}
		if e.Refusal, err = refusalOf(tx, number, opts.Collection, id); err != nil {
			return err
		}
		whole, err := refusalOf(tx, number, opts.Collection, allDocuments)
		if err != nil {
			return err
		}
		done, err := anyPositionOf(tx, db, remote, opts)
		if err != nil {
			return err
		}
		e.judge(doc, number, opts, done)
		early, err := awaitedOf(tx, number, opts.Collection, id)
		if err != nil {
			return err
		}
		if early != nil {
			e.State, e.Refusal, e.Reason = StatePending, nil, tooEarly(id, *early).Error()
			return nil
		}
		if e.State == StatePending && whole != nil {
			e.State, e.Refusal = StateRefused, whole
			e.Reason = fmt.Sprintf("the peer takes nothing that is pushed (%s %d): %s", whole.Domain, whole.Code, whole.Message)
		}
		return nil
	})
	return e, err
}

func (e *Explanation) judge(doc *store.Document, remote store.Remote, opts CollectionOptions, done checkpoint.Local) {
	set := func(state State, format string, args ...any) { e.State, e.Reason = state, fmt.Sprintf(format, args...) }
	if doc != nil {
		e.Revision, e.Remote = string(doc.Rev.ID), string(doc.Known(remote))
	}
	if r := e.Refusal; r != nil && r.Push && (doc == nil || r.Revision != e.Revision) {
		e.Refusal = nil // it was about another revision
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
	switch {
	case opts.DocIDs != nil && !idSet(opts.DocIDs)[doc.ID]:
		e.Reason = "the replication is limited to other documents"
	case !passes(opts.PushFilter, doc):
		e.Reason = "the push filter refuses it"
	case done.Covers(uint64(doc.Sequence)):
		e.Reason = "an earlier run has left it out, by its filter or because the peer refused it; reset the checkpoint to try again"
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

// Pending returns the IDs of the documents that a push under these options would take along,
// deletions included and documents in conflict not (spec/api-behaviour.md §5).
func Pending(ctx context.Context, db *store.DB, remote string, opts CollectionOptions) ([]string, error) {
	var pending []string
	err := db.View(ctx, func(tx *store.Tx) error {
		number, err := tx.RemoteFor(remote)
		if err != nil {
			return err
		}
		done, err := positionOf(tx, db, remote, opts)
		if err != nil {
			return err
		}
		wanted := idSet(opts.DocIDs)
		for since := store.Sequence(done.Seen()); ; {
			docs, err := tx.Changes(opts.Collection, since, changesPerBatch, store.Select{WithBody: opts.PushFilter != nil})
			if err != nil {
				return err
			}
			for _, doc := range docs {
				since = doc.Sequence
				if isPending(doc, number, opts, wanted, done) {
					pending = append(pending, doc.ID)
				}
			}
			if len(docs) < changesPerBatch {
				return nil
			}
		}
	})
	return pending, err
}

// IsPending reports whether one document is among those of [Pending].
func IsPending(ctx context.Context, db *store.DB, remote string, opts CollectionOptions, id string) (pending bool, err error) {
	err = db.View(ctx, func(tx *store.Tx) error {
		number, err := tx.RemoteFor(remote)
		if err != nil {
			return err
		}
		doc, err := tx.Document(opts.Collection, id)
		if isNotFound(err) {
			return nil
		}
		if err != nil {
			return err
		}
		done, err := positionOf(tx, db, remote, opts)
		pending = isPending(doc, number, opts, idSet(opts.DocIDs), done)
		return err
	})
	return pending, err
}

func isPending(doc *store.Document, remote store.Remote, opts CollectionOptions, wanted map[string]bool, done checkpoint.Local) bool {
	return !doc.Conflicted && (remote == 0 || doc.Known(remote) != doc.Rev.ID) &&
		(wanted == nil || wanted[doc.ID]) && !done.Covers(uint64(doc.Sequence)) && passes(opts.PushFilter, doc)
}

func passes(filter Filter, doc *store.Document) bool {
	if filter == nil {
		return true
	}
	ok, err := callFilter(slog.New(slog.DiscardHandler), filter, doc, false)
	return ok && err == nil
}
