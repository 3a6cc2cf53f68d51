package replication

import (
	"context"

	"github.com/tandemdb/tandem/internal/replication/outbox"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// heldNotes records, in the store's small values, the revisions for which a pull has started over.
// They keep the next session from starting over for the same revisions.
type heldNotes struct {
	c       *collection
	overFor map[string]revision.ID // by document; nil until needed
}

func (n *heldNotes) space() string {
	return recordSpace("started over", n.c.s.remote, n.c.store())
}

func (n *heldNotes) read(ctx context.Context) error {
	if n.overFor != nil {
		return nil
	}
	n.overFor = make(map[string]revision.ID)
	return n.c.s.db.View(ctx, func(tx *store.Tx) error {
		return tx.Infos(n.space(), func(id string, rev []byte) error {
			n.overFor[id] = revision.ID(rev)
			return nil
		})
	})
}

func (n *heldNotes) write(ctx context.Context, items []*outbox.Item) error {
	return n.c.s.db.Update(ctx, func(tx *store.Tx) error {
		for _, it := range items {
			if err := tx.SetInfo(n.space(), it.ID, []byte(it.Rev.ID)); err != nil {
				return err
			}
		}
		return nil
	})
}
