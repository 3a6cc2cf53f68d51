package tandem

import (
	"context"
	"time"

	"github.com/tandemdb/tandem/internal/store"
)

// Delete deletes a document; the last writer wins. Peers are told. A tombstone stays, and
// afterwards d is that. One that is not there is [ErrNotFound].
func (c *Collection) Delete(ctx context.Context, d *Document) error {
	return c.DeleteWithConcurrency(ctx, d, LastWriteWins)
}

// DeleteWithConcurrency is [Collection.Delete] with a choice: see
// [Collection.SaveWithConcurrency].
func (c *Collection) DeleteWithConcurrency(ctx context.Context, d *Document, control ConcurrencyControl) error {
	return c.change(ctx, d, store.Edit{Deleted: true, FailOnConflict: control == FailOnConflict})
}

// Purge removes a document, or its tombstone, without a trace. Peers are not told: they keep
// the document, and send it again when they change it. One that is not there is [ErrNotFound].
func (c *Collection) Purge(ctx context.Context, id string) error {
	return c.db.update(ctx, func(tx *store.Tx) error { return tx.Purge(c.coll, id) })
}

// SetExpiration says when a document is to be purged, to the millisecond; the zero time means
// never. Expiration is not synced. A document that is not there is [ErrNotFound].
func (c *Collection) SetExpiration(ctx context.Context, id string, at time.Time) error {
	return c.db.update(ctx, func(tx *store.Tx) error { return tx.SetExpiry(c.coll, id, at) })
}
