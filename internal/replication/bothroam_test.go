package replication_test

import (
	"testing"

	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
)

// An app of the third generation gets a later version from one database, and meets another that has an earlier one under
// a tree ID of the same generation. It pushes first, and sees no conflict.
func TestARoamingAppMeetsAnOlderVersionOfItsGeneration(t *testing.T) {
	t.Parallel()
	trees, vects := newPeer(t, store.RevTrees), newPeer(t, store.VersionVectors)
	one, other := newPeer(t, store.Both), newPeer(t, store.Both)
	meet := func(app, with *peer) {
		t.Helper()
		sync(t, app, with, func(a *replication.Active, p *replication.Passive) {
			a.Protocol, p.Protocol = protocolOf(app), protocolOf(app)
		})
	}
	vects.put("d", `{"n":1}`)
	meet(vects, one)
	meet(vects, other)
	meet(trees, other)
	meet(trees, one)
	vects.put("d", `{"n":2}`)
	meet(vects, one)
	vects.put("d", `{"n":3}`)
	meet(vects, other)
	meet(trees, other)
	meet(trees, one)
	err := trees.db.View(t.Context(), func(tx *store.Tx) error {
		log, err := tx.ConflictLog(store.ConflictFilter{}, 100)
		for _, c := range log {
			t.Errorf("a conflict of %s: %s / %s", c.ID, c.Local.Rev, c.Theirs.Rev)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := one.bodies()["d"]; got != `{"n":3}` {
		t.Errorf("the database has %s", got)
	}
}
