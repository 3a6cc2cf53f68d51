package tandem

import (
	"context"
	"encoding/json"

	"github.com/tandemdb/tandem/internal/mesh/group"
	"github.com/tandemdb/tandem/internal/store"
)

// reread reads the removals that other processes have written, and the name of this device. It fails with
// [ErrNotFound] once the database has left the group.
func (g *PeerGroup) reread(ctx context.Context) error {
	return g.db.view(ctx, func(tx *store.Tx) error {
		row, err := g.current(tx)
		if err != nil {
			return err
		}
		g.mu.Lock()
		g.row.Name = row.Name
		g.mu.Unlock()
		return tx.Infos(removalSpace+g.name, func(id string, text []byte) error {
			if g.removals.Has(id, text) {
				return nil
			}
			if r, err := group.ParseRemoval(g.name, g.root, text); err == nil { // of another group it counts for nothing
				g.removals.Add(r)
			}
			return nil
		})
	})
}

// addRemovals stores records that are new, and adds them.
func (g *PeerGroup) addRemovals(ctx context.Context, texts []json.RawMessage) (news []*group.Removal, err error) {
	var fresh group.Removals // of two about one member the one that stays
	for _, text := range texts[:min(len(texts), recordsAtOnce)] {
		r, err := group.ParseRemoval(g.name, g.root, text)
		if err == nil && g.removals.Wants(r) {
			fresh.Add(r)
		}
	}
	news = fresh.All()
	if len(news) == 0 {
		return nil, nil
	}
	return news, g.keepRemovals(ctx, news)
}

// keepRemovals writes records before they count: one that cannot be written is new when it comes again.
func (g *PeerGroup) keepRemovals(ctx context.Context, news []*group.Removal) error {
	err := g.update(ctx, func(tx *store.Tx) error {
		return g.writeRemovals(tx, news)
	})
	if err != nil {
		return err
	}
	for _, r := range news {
		g.removals.Add(r)
	}
	return nil
}

// writeRemovals writes the records that remove more than those that are there.
func (g *PeerGroup) writeRemovals(tx *store.Tx, all []*group.Removal) error {
	for _, r := range all {
		text, err := tx.Info(removalSpace+g.name, r.ID())
		if err != nil {
			return err
		}
		if old, bad := group.ParseRemoval(g.name, g.root, text); bad == nil && !r.RemovesMore(old) {
			continue
		}
		if err := tx.SetInfo(removalSpace+g.name, r.ID(), r.Text()); err != nil {
			return err
		}
	}
	return nil
}
