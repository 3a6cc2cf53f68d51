package tandem

import (
	"context"
	"iter"

	"github.com/tandemdb/tandem/internal/store"
)

// All gives the documents in the order of their IDs, byte by byte. They are read in portions:
// a document that is saved or deleted meanwhile is given as it was or as it is, all others
// exactly once. The loop may use the database in any way. An error ends the sequence.
func (c *Collection) All(ctx context.Context) iter.Seq2[*Document, error] {
	return func(yield func(*Document, error) bool) {
		for d, err := range c.AllWithDeleted(ctx) {
			if err == nil && d.Deleted() {
				continue
			}
			if !yield(d, err) {
				return
			}
		}
	}
}

// AllWithDeleted is [Collection.All] with the tombstones of deleted documents among them: see
// [Document.Deleted].
func (c *Collection) AllWithDeleted(ctx context.Context) iter.Seq2[*Document, error] {
	return func(yield func(*Document, error) bool) {
		after := ""
		for limit := firstPortion; ; {
			heads, err := c.after(ctx, after, limit)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, head := range heads {
				if !yield(stored(c, head), nil) {
					return
				}
			}
			if len(heads) < limit {
				return
			}
			after, limit = heads[len(heads)-1].ID, nextPortion(heads)
		}
	}
}

func (c *Collection) after(ctx context.Context, id string, limit int) (heads []*store.Document, err error) {
	err = c.db.view(ctx, func(tx *store.Tx) error {
		heads, err = tx.All(c.coll, id, limit, store.Select{WithBody: true})
		return err
	})
	return heads, err
}

// A portion is bounded by number and, as far as the one before it tells, by size.
const (
	firstPortion    = 16
	maxPortion      = 500
	maxPortionBytes = 4 << 20
)

// nextPortion says how many documents to read after these.
func nextPortion(heads []*store.Document) int {
	size := 1
	for _, head := range heads {
		size += head.Size
	}
	fit := maxPortionBytes * len(heads) / size
	return max(1, min(fit, 4*len(heads), maxPortion))
}
