package tandem

import (
	"context"
	"errors"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// ConcurrencyControl decides what happens if a document was changed since it was read.
type ConcurrencyControl int

// The kinds of concurrency control.
const (
	LastWriteWins  ConcurrencyControl = iota // the change is applied to the newer document
	FailOnConflict                           // the change is refused with [ErrConflict]
)

// Save stores a document; the last writer wins. Afterwards d has its new revision, and blob
// content that was in its body has moved to the disk. Saving a deleted document brings it back.
// An expiration stays.
//
// It fails with [ErrBadDocID], with [ErrInvalid] (a reserved key, a document of another
// collection, more than 64 MiB), or with [ErrNotFound] if the database lacks the content of a
// blob. A failed Save stores nothing and leaves d unchanged.
func (c *Collection) Save(ctx context.Context, d *Document) error {
	return c.SaveWithConcurrency(ctx, d, LastWriteWins)
}

// SaveWithConcurrency is [Collection.Save] with a choice. With [FailOnConflict] it fails with
// [ErrConflict] if the document was changed since d was read, or if d is new and a document with
// its ID exists.
func (c *Collection) SaveWithConcurrency(ctx context.Context, d *Document, control ConcurrencyControl) error {
	body, err := c.db.install(ctx, d.body)
	if err != nil {
		return fault.About(err, "save document", d.id)
	}
	return c.change(ctx, d, store.Edit{Body: body, FailOnConflict: control == FailOnConflict})
}

// SaveWithHandler is [Collection.Save] that asks handler whenever the document was changed since
// it was read. existing is the document in the database, nil if it was deleted. The handler
// changes d so that it may replace existing, and returns true; false ends the save with
// [ErrConflict].
func (c *Collection) SaveWithHandler(
	ctx context.Context, d *Document, handler func(d, existing *Document) bool,
) error {
	for {
		err := c.SaveWithConcurrency(ctx, d, FailOnConflict)
		if !errors.Is(err, ErrConflict) {
			return err
		}
		existing, readErr := c.newest(ctx, d.id)
		if readErr != nil {
			return readErr
		}
		var shown *Document
		if existing != nil && !existing.Deleted() {
			shown = existing
		}
		if !handler(d, shown) {
			return err
		}
		d.rebase(c, existing)
	}
}

// newest returns a document or its tombstone; nil if there is neither.
func (c *Collection) newest(ctx context.Context, id string) (d *Document, err error) {
	err = c.db.view(ctx, func(tx *store.Tx) error {
		head, err := tx.Document(c.coll, id)
		if err == nil {
			d = stored(c, head)
		}
		return err
	})
	if errors.Is(err, ErrNotFound) {
		return nil, nil //nolint:nilnil // which says that there is none
	}
	return d, err
}

// rebase makes d a change of existing, nil for a new document.
func (d *Document) rebase(c *Collection, existing *Document) {
	d.collection, d.head = c, nil
	if existing != nil {
		d.head = existing.head
	}
}

// Put stores v, a struct or a map, as the document with an ID: [Document.Encode] and
// [Collection.Save] in one. It replaces the whole document: members that v lacks, which a newer
// version of a program may have written, are lost. [Collection.Merge] and [Collection.Update]
// keep them.
func (c *Collection) Put(ctx context.Context, id string, v any) error {
	d := &Document{id: id}
	if err := d.Encode(v); err != nil {
		return err
	}
	return c.Save(ctx, d)
}

// change makes an edit of d in a transaction of its own.
func (c *Collection) change(ctx context.Context, d *Document, e store.Edit) error {
	b, err := c.db.toChange(ctx, "change database")
	switch {
	case err != nil:
		return err
	case b != nil:
		return b.change(c, d, e)
	}
	var head *store.Document
	err = c.db.store.Update(ctx, func(tx *store.Tx) (err error) {
		head, err = c.edit(tx, d, e)
		return err
	})
	if err == nil {
		d.adopt(c, head)
	}
	return err
}

// edit makes an edit of d in tx. It leaves d as it is.
func (c *Collection) edit(tx *store.Tx, d *Document, e store.Edit) (*store.Document, error) {
	if from := d.collection; from != nil && (from.db != c.db || from.FullName() != c.FullName()) {
		return nil, fault.Invalid.In("save document", d.id).
			Says("the document is of collection %s of database %s", from.FullName(), from.db.Name()).
			Try("make a new document of its body")
	}
	e.ID = d.id
	if d.head != nil {
		e.Parent = d.head.Rev.ID
	}
	return tx.Save(c.coll, e)
}
