package replication_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
)

// Two databases with a past of revision trees (documents in sync, edits that were not, tombstones and a conflict
// left over) go on with version vectors.
func TestUpgradedDatabasesGoOn(t *testing.T) {
	var ids []string
	for i := range 8 {
		ids = append(ids, fmt.Sprintf("conflict%d", i))
	}
	a, p := inConflict(t, store.RevTrees, ids...)
	for _, id := range []string{"same", "edited by a", "edited by p", "deleted", "deleted by a", "deleted by p", "anew"} {
		a.put(id, `{"n":1}`)
	}
	a.delete("deleted")
	a.delete("anew")
	failed := syncResolving(t, a, p, func(context.Context, replication.Conflict) (replication.Decision, error) {
		return replication.Decision{}, errors.New("not now")
	})
	if len(failed) < len(ids) {
		t.Fatalf("%d conflicts were left, want %d", len(failed), len(ids))
	}
	a.put("edited by a", `{"n":2}`)
	p.put("edited by p", `{"n":3}`)
	a.delete("deleted by a")
	p.delete("deleted by p")

	for _, x := range []*peer{a, p} {
		if err := x.db.UpgradeVersioning(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	a.put("conflict1", `{"by":"a, upgraded"}`)
	p.put("conflict2", `{"by":"p, upgraded"}`)
	a.put("conflict3", `{"by":"a, upgraded"}`)
	p.put("conflict3", `{"by":"p, upgraded"}`)
	a.delete("conflict4")
	p.delete("conflict5")
	a.delete("conflict6")
	p.delete("conflict6")
	p.put("anew", `{"n":4}`)
	l := sync(t, a, p)
	requireSame(t, a, p, len(ids)+7)
	if got := l.active.Progress().Conflicts; got < uint64(len(ids)) { // more where the peer has a newer revision
		t.Errorf("resolved %d conflicts, want %d", got, len(ids))
	}
	sync(t, p, a) // in the other roles, and with no checkpoint
	requireSame(t, a, p, len(ids)+7)

	for i, id := range append(ids, "same", "edited by a", "edited by p") {
		[]*peer{a, p}[i%2].put(id, `{"n":5}`)
	}
	l = sync(t, p, a)
	requireSame(t, a, p, len(ids)+7)
	if got := l.active.Progress().Conflicts; got != 0 {
		t.Errorf("edits of documents in sync make %d conflicts", got)
	}
}
