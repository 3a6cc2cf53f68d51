package tandem

import (
	"context"
	"iter"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// Change is the latest change of one document.
type Change struct {
	ID         string
	Sequence   uint64 // its place among the changes of the collection, from 1
	RevisionID string // see [Document.RevisionID]
	Deleted    bool
}

// changesPortion is how many changes are read at once.
const changesPortion = 1000

// ChangesSince gives the changes after the sequence since (0 for all) and ends with the last
// there is. Each document occurs once, with its latest change; one that changes meanwhile may
// occur again. Purged documents do not occur. The loop may use the database in any way. An
// error ends the sequence.
func (c *Collection) ChangesSince(ctx context.Context, since uint64) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) { c.changes(ctx, &since, yield) }
}

// FollowChanges is [Collection.ChangesSince] without an end: it waits for further changes,
// including those of other processes. The sequence ends with an error: ctx's, or [ErrNotOpen]
// when the database closes. In a batch or View it is [ErrInvalid].
func (c *Collection) FollowChanges(ctx context.Context, since uint64) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		if c.db.joined(ctx) != nil {
			yield(Change{}, fault.Invalid.In("follow changes", c.FullName()).
				Says("no change comes to the batch or View of the context").Try("use ChangesSince, or another context"))
			return
		}
		sub := c.db.store.Subscribe(c.coll)
		defer sub.Close()
		for c.changes(ctx, &since, yield) {
			select {
			case <-ctx.Done():
				yield(Change{}, ctx.Err())
				return
			case <-sub.C: // closed with the database, which reading reports then
			}
		}
	}
}

// changes yields the changes after *since, and moves that. It reports whether more are wanted.
func (c *Collection) changes(ctx context.Context, since *uint64, yield func(Change, error) bool) bool {
	for {
		heads, err := c.headsSince(ctx, store.Sequence(*since), changesPortion)
		if err != nil {
			yield(Change{}, err)
			return false
		}
		for _, head := range heads {
			*since = uint64(head.Sequence)
			if !yield(changeOf(head), nil) {
				return false
			}
		}
		if len(heads) < changesPortion {
			return true
		}
	}
}

func (c *Collection) headsSince(
	ctx context.Context, since store.Sequence, limit int,
) (heads []*store.Document, err error) {
	err = c.db.view(ctx, func(tx *store.Tx) error {
		heads, err = tx.Changes(c.coll, since, limit, store.Select{})
		return err
	})
	return heads, err
}

func changeOf(head *store.Document) Change {
	return Change{
		ID:         head.ID,
		Sequence:   uint64(head.Sequence),
		RevisionID: string(head.Rev.ID),
		Deleted:    head.Deleted,
	}
}
