package replication

import (
	"context"
	"math"

	"github.com/tandemdb/tandem/internal/replication/outbox"
	"github.com/tandemdb/tandem/internal/store"
)

// feed reads the changes of a collection for a push.
type feed struct {
	c      *collection
	cursor store.Sequence // the feed has been read up to here

	last []store.Document // the memory of the last page's changes, unless the filter has seen them
}

// page is the result of one read.
type page struct {
	heads     []*store.Document // heads of the items; nil for documents that no longer exist
	changes   []store.Document  // valid until the next read
	exhausted bool
}

// read reads the heads of items, and up to limit changes up to target. Only a push filter needs the
// bodies.
func (f *feed) read(ctx context.Context, items []*outbox.Item, limit int, target store.Sequence) (p page, err error) {
	withBody := f.c.opts.PushFilter != nil
	err = f.c.s.db.View(ctx, func(tx *store.Tx) error {
		look := tx.Head
		if withBody {
			look = tx.Document
		}
		p.heads = make([]*store.Document, len(items))
		for i, it := range items {
			doc, err := look(f.c.store(), it.ID)
			if err != nil && !isNotFound(err) {
				return err
			}
			p.heads[i] = doc
		}
		if limit == 0 {
			return nil
		}
		p.changes, err = tx.AppendChanges(f.last[:0], f.c.store(), f.cursor, limit, store.Select{WithBody: withBody})
		return err
	})
	if err != nil || limit == 0 {
		return p, err
	}
	p.exhausted = len(p.changes) < limit
	for i := range p.changes {
		if p.changes[i].Sequence > target {
			p.changes, p.exhausted = p.changes[:i], true
			break
		}
		f.cursor = p.changes[i].Sequence
	}
	f.last = nil
	if !withBody && !p.exhausted {
		f.last = p.changes
	}
	if p.exhausted && target != math.MaxInt64 {
		f.cursor = max(f.cursor, target)
	}
	return p, nil
}

// stepBack takes the changes of a page from the index n on back into the feed.
func (f *feed) stepBack(page *page, n int) {
	f.cursor = page.changes[n].Sequence - 1
	page.changes, page.exhausted = page.changes[:n], false
}

// head converts a document to the form that the outbox takes.
func (f *feed) head(doc *store.Document) outbox.Head {
	h := outbox.Head{
		ID: doc.ID, Sequence: outbox.Sequence(doc.Sequence), Rev: doc.Rev, Deleted: doc.Deleted, Conflicted: doc.Conflicted,
		Size: doc.Size, Known: doc.Known(f.c.s.known),
	}
	f.c.s.named(&h)
	return h
}

// filter returns a call of the push filter for the document, or nil without a push filter.
func (f *feed) filter(doc *store.Document) outbox.Filter {
	if f.c.opts.PushFilter == nil {
		return nil
	}
	return func() (bool, error) { return callFilter(f.c.s.log, f.c.opts.PushFilter, doc, false) }
}
