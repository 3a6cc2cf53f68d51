package tandem

import (
	"context"
	"iter"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// ScanOptions select documents by their IDs, which are ordered byte by byte. An empty string sets
// no bound. The zero value selects all documents in ascending order.
type ScanOptions struct {
	Prefix string // the IDs begin with it
	From   string // the IDs are equal to it or higher
	Before string // the IDs are lower than it

	// After continues a scan past the last ID that it gave: IDs are higher than it, and with
	// Descending they are lower. A document of this ID need not exist.
	After string

	Descending bool // gives the highest ID first
	Limit      int  // how many documents at most; 0 means all, less is [ErrInvalid]
	Deleted    bool // the tombstones of deleted documents, too: see [Document.Deleted]
}

// Scan gives documents in the order of their IDs. Only the documents that the loop takes cost time,
// wherever the scan begins:
//
//	for d, err := range tasks.Scan(ctx, tandem.ScanOptions{Descending: true, Limit: 100}) {
//
// The documents are read in portions. A document that is saved or deleted meanwhile comes in its
// old or its new form; all others come exactly once. In a [Database.View], all come from one
// snapshot. The loop may use the database in any way. An error ends the sequence.
func (c *Collection) Scan(ctx context.Context, o ScanOptions) iter.Seq2[*Document, error] {
	return func(yield func(*Document, error) bool) {
		for head, err := range c.scan(ctx, o, store.Select{WithBody: true}) {
			var d *Document
			if err == nil {
				d = stored(c, head)
			}
			if !yield(d, err) {
				return
			}
		}
	}
}

// ScanHeads is [Collection.Scan] without the bodies: the latest change of each document, in the
// order of the IDs.
func (c *Collection) ScanHeads(ctx context.Context, o ScanOptions) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		for head, err := range c.scan(ctx, o, store.Select{}) {
			var change Change
			if err == nil {
				change = changeOf(head)
			}
			if !yield(change, err) {
				return
			}
		}
	}
}

// All gives all documents: [Collection.Scan] with no options.
func (c *Collection) All(ctx context.Context) iter.Seq2[*Document, error] {
	return c.Scan(ctx, ScanOptions{})
}

// AllWithDeleted is [Collection.All] with the tombstones of deleted documents among them: see
// [Document.Deleted].
func (c *Collection) AllWithDeleted(ctx context.Context) iter.Seq2[*Document, error] {
	return c.Scan(ctx, ScanOptions{Deleted: true})
}

func (c *Collection) scan(ctx context.Context, o ScanOptions, sel store.Select) iter.Seq2[*store.Document, error] {
	return func(yield func(*store.Document, error) bool) {
		if o.Limit < 0 {
			yield(nil, fault.Invalid.In("scan collection", c.FullName()).
				Says("the limit is %d, want 0 for no limit, or more", o.Limit))
			return
		}
		sel.LiveOnly = !o.Deleted
		r, left := o.limits(), o.Limit
		for portion := firstPortion(sel); ; {
			if o.Limit > 0 {
				portion = min(portion, left)
			}
			heads, err := c.portion(ctx, r, portion, sel)
			if err != nil {
				yield(nil, err)
				return
			}
			for _, head := range heads {
				if !yield(head, nil) {
					return
				}
			}
			left -= len(heads)
			if len(heads) < portion || o.Limit > 0 && left == 0 {
				return
			}
			r = past(r, heads[len(heads)-1].ID)
			portion = nextPortion(heads)
		}
	}
}

func (c *Collection) portion(
	ctx context.Context, r store.Range, limit int, sel store.Select,
) (heads []*store.Document, err error) {
	err = c.db.view(ctx, func(tx *store.Tx) error {
		heads, err = tx.Scan(c.coll, r, limit, sel)
		return err
	})
	return heads, err
}

// limits returns the range of IDs that the options select.
func (o ScanOptions) limits() store.Range {
	r := store.Range{From: max(o.From, o.Prefix), Before: o.Before, Descending: o.Descending}
	if end := prefixEnd(o.Prefix); end != "" && (r.Before == "" || end < r.Before) {
		r.Before = end
	}
	if o.After != "" {
		r = past(r, o.After)
	}
	return r
}

// past returns what is left of a range when a scan of it has come to id.
func past(r store.Range, id string) store.Range {
	switch {
	case !r.Descending:
		r.From = max(r.From, id+"\x00") // no ID is between
	case r.Before == "" || id < r.Before:
		r.Before = id
	}
	return r
}

// prefixEnd returns the lowest text that comes after all texts with a prefix, "" for none.
func prefixEnd(prefix string) string {
	end := []byte(prefix)
	for len(end) > 0 {
		last := len(end) - 1
		end[last]++
		if end[last] != 0 {
			break
		}
		end = end[:last] // it was the highest byte, which has no next one
	}
	return string(end)
}

// A portion is bounded by number and, as far as the one before it tells, by the size of what is read.
const (
	maxPortion      = 500
	maxPortionBytes = 4 << 20
)

func firstPortion(sel store.Select) int {
	if sel.WithBody {
		return 16
	}
	return maxPortion
}

// nextPortion says how many documents to read after these.
func nextPortion(heads []*store.Document) int {
	size := 1
	for _, head := range heads {
		size += len(head.Body)
	}
	fit := maxPortionBytes * len(heads) / size
	return max(1, min(fit, 4*len(heads), maxPortion))
}
