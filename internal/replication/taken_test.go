package replication_test

import (
	"fmt"
	"testing"

	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// TestAPushIsNotedForEachPeer pushes documents to two peers, one after the other: the second time
// another remote has them, and some have changed.
func TestAPushIsNotedForEachPeer(t *testing.T) {
	for _, v := range []store.Versioning{store.RevTrees, store.VersionVectors} {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			a := newPeer(t, v)
			const n = 300 // more than one announcement
			for i := range n {
				a.put(fmt.Sprintf("doc-%03d", i), `{"n":1}`)
			}
			a.put("doc-100", `{"n":2}`)
			a.delete("doc-200")
			first, second := newPeer(t, v), newPeer(t, v)
			for _, p := range []*peer{first, second} {
				pushTo(t, a, p)
				a.put("doc-007", `{"n":3}`)
				pushTo(t, a, p)
				for id, known := range a.known(p) {
					if known.theirs != known.ours {
						t.Errorf("%s: the peer is known to have %q, want %s", id, known.theirs, known.ours)
					}
				}
			}
			for id, known := range a.known(first) {
				if known.theirs == "" || id != "doc-007" && known.theirs != known.ours {
					t.Errorf("%s: the first peer is known to have %q, want %s", id, known.theirs, known.ours)
				}
			}
		})
	}
}

func pushTo(t *testing.T, a, p *peer) {
	t.Helper()
	sync(t, a, p, func(active *replication.Active, _ *replication.Passive) {
		active.Collections[0].Pull = false
	})
}

type known struct{ ours, theirs revision.ID }

// known returns what a remote is known to have of each document.
func (p *peer) known(remote *peer) map[string]known {
	p.t.Helper()
	all := make(map[string]known)
	p.update(func(tx *store.Tx) error {
		number, err := tx.RemoteFor("ws://" + remote.db.Path())
		if err != nil {
			return err
		}
		docs, err := tx.Changes(p.coll, 0, 1_000, store.Select{})
		for _, d := range docs {
			all[d.ID] = known{d.Rev.ID, d.Known(number)}
		}
		return err
	})
	return all
}
