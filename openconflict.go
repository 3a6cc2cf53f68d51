package tandem

import (
	"context"
	"errors"
	"iter"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// OpenConflict is a conflict of a document with one peer that no replicator has resolved yet: its
// resolver has failed or left it open, or its run has ended before. The database keeps the peer's
// revision beside the document. Meanwhile the document can be read and changed as usual, but is not
// pushed to that peer.
type OpenConflict struct {
	DocumentID string
	Peer       string // its URL

	// Local is the document as it is here, and Remote as the peer has it: a tombstone where that
	// side has deleted it. Neither is nil.
	Local, Remote *Document

	// BaseBody is the JSON that both were made from, nil where it is not kept.
	BaseBody []byte

	with store.Remote
}

// ForResolver returns the conflict as a [ConflictResolver] gets it: a deleted side is nil.
func (o *OpenConflict) ForResolver() Conflict {
	c := Conflict{DocumentID: o.DocumentID, BaseBody: o.BaseBody}
	if !o.Local.Deleted() {
		c.LocalDocument = o.Local
	}
	if !o.Remote.Deleted() {
		c.RemoteDocument = o.Remote
	}
	return c
}

// ErrLeaveOpen is what a [ConflictResolver] returns to leave the conflict open for
// [Collection.Resolve]. The replicator reports the document with [ErrConflict], and its next run
// calls the resolver again.
var ErrLeaveOpen = errors.New("left open")

// LeaveOpen is a [ConflictResolver] that leaves each conflict open: see [Collection.Conflicts].
func LeaveOpen(context.Context, Conflict) (*Document, error) { return nil, ErrLeaveOpen }

// Conflicts yields the open conflicts in the order of document IDs, byte by byte. Each is read when
// its turn comes, so that the loop may resolve it. A document in conflict with several peers comes
// once for each. An error ends the sequence.
func (c *Collection) Conflicts(ctx context.Context) iter.Seq2[*OpenConflict, error] {
	return func(yield func(*OpenConflict, error) bool) {
		last := &OpenConflict{}
		for {
			next, err := c.nextConflict(ctx, last.DocumentID, last.with)
			if err != nil {
				yield(nil, err)
				return
			}
			if next == nil || !yield(next, nil) {
				return
			}
			last = next
		}
	}
}

// Conflict returns the open conflict of the document with an ID, or the first if there are several.
// It fails with [ErrNotFound] if there is none.
func (c *Collection) Conflict(ctx context.Context, id string) (open *OpenConflict, err error) {
	err = c.db.view(ctx, func(tx *store.Tx) error {
		found, err := tx.ConflictOf(c.coll, id)
		if err == nil {
			open, err = c.shown(tx, found)
		}
		return err
	})
	return open, err
}

func (c *Collection) nextConflict(ctx context.Context, id string, with store.Remote) (open *OpenConflict, err error) {
	err = c.db.view(ctx, func(tx *store.Tx) error {
		found, err := tx.NextConflict(c.coll, id, with)
		if err == nil && found != nil {
			open, err = c.shown(tx, found)
		}
		return err
	})
	return open, err
}

func (c *Collection) shown(tx *store.Tx, found *store.Conflict) (*OpenConflict, error) {
	peer, err := tx.RemoteURL(found.With)
	return &OpenConflict{
		DocumentID: found.Local.ID, Peer: peer, BaseBody: found.Base,
		Local: stored(c, found.Local), Remote: stored(c, found.Remote), with: found.With,
	}, err
}

// Resolve ends an open conflict. result means the same as the result of a [ConflictResolver]:
// open.Local or open.Remote wins, another document or a changed one replaces both, nil deletes the
// document. Resolve returns the new document or its tombstone. The next run of a replicator sends
// it to the peer.
//
// It fails with [ErrConflict] if either side has changed since open was read: read the conflict
// again. It fails with [ErrNotFound] if the conflict is over or the document lacks the content of a
// blob, and otherwise like [Collection.Save].
func (c *Collection) Resolve(ctx context.Context, open *OpenConflict, result *Document) (*Document, error) {
	const op = "resolve conflict"
	if from := open.Local.collection; from.db != c.db || from.FullName() != c.FullName() {
		return nil, fault.Invalid.In(op, open.DocumentID).Says("the conflict is of collection %s of database %s", from.FullName(), from.db.Name())
	}
	shown := Conflict{DocumentID: open.DocumentID, LocalDocument: open.Local, RemoteDocument: open.Remote}
	decision, err := c.decision(ctx, shown, result)
	if err != nil {
		return nil, fault.About(err, op, open.DocumentID)
	}
	var head *store.Document
	err = c.db.update(ctx, func(tx *store.Tx) error {
		head, err = tx.Resolve(c.coll, store.Resolution{
			ID: open.DocumentID, Remote: open.with, Local: open.Local.head.Rev.ID, Theirs: open.Remote.head.Rev.ID,
			Winner: decision.Winner, Body: decision.Body, Deleted: result == nil, Why: "decided by hand",
		})
		return err
	})
	if err != nil {
		return nil, err
	}
	return stored(c, head), nil
}
