package tandem

import (
	"context"
	"time"

	"github.com/tandemdb/tandem/internal/store"
)

// Delete deletes a document; the last writer wins. The deletion is synced. A tombstone stays in
// the database, and d becomes the tombstone. It fails with [ErrNotFound] if there is no such
// document.
func (c *Collection) Delete(ctx context.Context, d *Document) error {
	return c.DeleteWithConcurrency(ctx, d, LastWriteWins)
}

// DeleteWithConcurrency is [Collection.Delete] with a choice: see
// [Collection.SaveWithConcurrency].
func (c *Collection) DeleteWithConcurrency(ctx context.Context, d *Document, control ConcurrencyControl) error {
	return c.change(ctx, d, store.Edit{Deleted: true, FailOnConflict: control == FailOnConflict})
}

// Purge removes a document, or its tombstone, without a trace. The purge is not synced: peers
// keep the document, and send it again when they change it. It fails with [ErrNotFound] if there
// is no such document.
func (c *Collection) Purge(ctx context.Context, id string) error {
	return c.db.update(ctx, func(tx *store.Tx) error { return tx.Purge(c.coll, id) })
}

// SetExpiration sets when the database purges a document, to the millisecond; the zero time
// means never. Expiration is not synced. It fails with [ErrNotFound] if there is no such
// document.
func (c *Collection) SetExpiration(ctx context.Context, id string, at time.Time) error {
	return c.db.update(ctx, func(tx *store.Tx) error { return tx.SetExpiry(c.coll, id, at) })
}
