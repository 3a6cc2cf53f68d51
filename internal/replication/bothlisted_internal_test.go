package replication

import (
	"testing"

	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// A peer of the third generation is told of no version as a revision that we have: the list is empty rather
// than missing, which would stand for the usual ones.
func TestThePeerOfTreesIsToldOfNoVersions(t *testing.T) {
	t.Parallel()
	ours := &store.Document{ID: "d", Rev: revision.Rev{ID: revision.NewVersion(1<<60, revision.SourceFrom([16]byte{1}))}}
	for _, announced := range []revision.ID{"1-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "3-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"} {
		r := thirdOfBoth{}.wants(ours, "", wire.Change{ID: "d", Rev: revision.Rev{ID: announced}})
		if r.order != revision.Newer || r.known == nil {
			t.Errorf("%s: the answer is %+v, want the revision with a list", announced, r)
		}
		for _, id := range r.known {
			if id.IsVersion() {
				t.Errorf("%s: the list has the version %s", announced, id)
			}
		}
	}
}
