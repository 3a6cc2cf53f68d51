package replication_test

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"testing"

	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
)

// copyOf makes a copy of the peer's database, as its own.
func copyOf(t *testing.T, p *peer) *peer {
	t.Helper()
	path := filepath.Join(t.TempDir(), "copy.tandem")
	if err := p.db.Copy(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	return openPeerAt(t, path, store.Options{MustExist: true})
}

// syncAsked syncs a with p, and returns the checkpoints that p was asked for one by one, and the documents
// that either side looked at.
func syncAsked(t *testing.T, a, p *peer, configure ...func(*replication.Active)) (checkpoints int64, looked uint64) {
	t.Helper()
	asked := &requestCounter{profile: "getCheckpoint"}
	l := sync(t, a, p, func(active *replication.Active, passive *replication.Passive) {
		active.Remote = "ws://peer/db"
		passive.Log = slog.New(asked)
		for _, c := range configure {
			c(active)
		}
	})
	done := l.active.Progress()
	return asked.n.Load(), done.Push.Total + done.Pull.Total
}

// twoInSync returns two databases that are in sync, with documents of both.
func twoInSync(t *testing.T, v store.Versioning) (a, p *peer) {
	t.Helper()
	a, p = newPeer(t, v), newPeer(t, v)
	for i := range 100 {
		a.put(fmt.Sprint("ours", i), `{"n":1}`)
		p.put(fmt.Sprint("theirs", i), `{"n":1}`)
	}
	syncAsked(t, a, p)
	syncAsked(t, a, p) // what came by the first is told to the peer by the next
	return a, p
}

// A copy, also one of a copy, goes on where its original was, and has a checkpoint of its own from then on.
func TestTheFirstSyncOfACopyMovesNothing(t *testing.T) {
	inFolders(t)
	eachKind(t, func(t *testing.T, v store.Versioning) {
		a, p := twoInSync(t, v)
		for _, c := range []*peer{copyOf(t, a), copyOf(t, copyOf(t, a))} {
			for run, want := range []int64{1, 0, 0} {
				asked, looked := syncAsked(t, c, p)
				if looked != 0 || asked != want {
					t.Errorf("sync %d: %d documents were looked at, and %d checkpoints asked for; want 0 and %d",
						run, looked, asked, want)
				}
			}
			requireSame(t, a, c, 200)
		}
	})
}

// The original goes on, so that the peer's copy of the checkpoint tells of more than the database copied has.
func TestACopyMissesNothingOfWhatCameAfterIt(t *testing.T) {
	inFolders(t)
	eachKind(t, func(t *testing.T, v store.Versioning) {
		a, p := twoInSync(t, v)
		c := copyOf(t, a)
		for i := range 10 {
			a.put(fmt.Sprint("of the original", i), `{}`)
			p.put(fmt.Sprint("of the peer", i), `{}`)
		}
		syncAsked(t, a, p)
		for i := range 5 {
			c.put(fmt.Sprint("of the copy", i), `{}`)
		}
		c.put("ours1", `{"by":"copy"}`)
		if _, looked := syncAsked(t, c, p); looked > 60 {
			t.Errorf("%d documents were looked at, want those alone that changed", looked)
		}
		requireSame(t, c, p, 225)
		syncAsked(t, a, p)
		requireSame(t, a, p, 225)
	})
}

// The checkpoint of the original counts no more where the peer has none, or where it is to be forgotten.
func TestACopyBeginsAnewWhereBothSidesDoNotAgree(t *testing.T) {
	inFolders(t)
	eachKind(t, func(t *testing.T, v store.Versioning) {
		a, p := twoInSync(t, v)
		c, empty := copyOf(t, a), newPeer(t, v)
		if _, looked := syncAsked(t, copyOf(t, a), empty); looked < 200 {
			t.Errorf("%d documents were looked at with an empty peer, want all 200", looked)
		}
		requireSame(t, a, empty, 200)
		anew := func(active *replication.Active) { active.Reset = true }
		if asked, _ := syncAsked(t, c, p, anew); asked != 0 {
			t.Errorf("with Reset, %d checkpoints were asked for", asked)
		}
		if asked, _ := syncAsked(t, c, p); asked != 0 {
			t.Errorf("after Reset, %d checkpoints were asked for", asked)
		}
	})
}
