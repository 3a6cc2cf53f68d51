package tandem_test

import (
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/testsize"
)

// TestMeshRemembersWhomItHasMet restarts a member that knows no address any more, and leaves it alone for more than a
// month then.
func TestMeshRemembersWhomItHasMet(t *testing.T) {
	dir := t.TempDir()
	testsize.Bubble(t, func(t *testing.T) {
		h := newMeshHours(t, dir, 1, 2, 1)
		one, two := h.all[0], h.all[1]
		agree := func(want uint64) {
			t.Helper()
			for range 100 {
				if time.Sleep(time.Second); one.count(t) == want && two.count(t) == want {
					return
				}
			}
			t.Fatalf("the members have %d and %d documents, want %d", one.count(t), two.count(t), want)
		}
		agree(2)
		two.close()
		two.cfg.Peers = nil
		two.open()
		save(t, one.coll, "after", `{"the":"restart"}`)
		agree(3)
		known := func() string {
			t.Helper()
			rev, err := two.coll.KnownTo(t.Context(), one.PeerID(), "after")
			check(t, err)
			return rev
		}
		if known() == "" {
			t.Error("it is not noted that a neighbour has a document")
		}
		one.close()
		two.close()
		time.Sleep(31 * 24 * time.Hour)
		two.open()
		time.Sleep(time.Second)
		if peers := two.Peers(); len(peers) != 1 || peers[0].Name != "d0" || time.Since(peers[0].LastSeen) < 30*24*time.Hour {
			t.Errorf("who was met before: %+v", peers)
		}
		if rev := known(); rev != "" {
			t.Errorf("a member that was not met for a month is known to have %s", rev)
		}
		one.open()
		save(t, one.coll, "back", `{"again":true}`)
		agree(4)
		one.close()
		two.close()
	})
}
