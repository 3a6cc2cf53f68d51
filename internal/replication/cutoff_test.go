package replication_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/storetest"
	"github.com/tandemdb/tandem/internal/testsize"
)

// cutPeer is a peer whose transactions count as questions of a context, so that a session can be
// stopped in each of them.
type cutPeer struct {
	*peer
	ctx atomic.Pointer[storetest.Context]
}

func newCutPeer(t *testing.T, v store.Versioning) *cutPeer {
	p := new(cutPeer)
	p.peer = openPeer(t, store.Options{Versioning: v, Now: func() time.Time {
		if ctx := p.ctx.Load(); ctx != nil {
			ctx.Ask()
		}
		return time.Now()
	}})
	return p
}

// TestASessionThatIsStoppedAnywhereLeavesNoHalf stops one side of a session in each of its
// transactions in turn, with a conflict in every document. Both databases stay sound, and the next
// session brings everything to an end.
func TestASessionThatIsStoppedAnywhereLeavesNoHalf(t *testing.T) {
	for _, side := range []string{"active", "passive"} {
		t.Run(side, func(t *testing.T) {
			t.Parallel()
			eachKind(t, func(t *testing.T, v store.Versioning) {
				for n := 1; stopAt(t, v, side, n); n += testsize.Pick(17, 1) {
					if t.Failed() {
						t.Fatalf("stopped in transaction %d", n)
					}
				}
			})
		})
	}
}

// stopAt stops a session in the n-th transaction of one side. It reports whether there was one.
func stopAt(t *testing.T, v store.Versioning, side string, n int) bool {
	a, p := newCutPeer(t, v), newCutPeer(t, v)
	fillWithConflicts(t, a.peer, p.peer)
	cut := map[string]*cutPeer{"active": a, "passive": p}[side]
	ctx := storetest.EndAt(context.Background(), n)
	defer ctx.Close()
	cut.ctx.Store(ctx)
	runUntil(a.peer, p.peer, side, ctx)
	cut.ctx.Store(nil)
	sound(t, a.peer, p.peer)
	sync(t, a.peer, p.peer)
	requireSame(t, a.peer, p.peer, cutDocuments)
	sound(t, a.peer, p.peer)
	return ctx.Ended()
}

const cutDocuments = 40

// fillWithConflicts has both peers edit what they have synced.
func fillWithConflicts(t *testing.T, a, p *peer) {
	edit := func(on *peer, body string) {
		on.update(func(tx *store.Tx) error {
			for i := range cutDocuments {
				edit := store.Edit{ID: fmt.Sprintf("doc-%02d", i), Body: fmt.Appendf(nil, body, i)}
				if _, err := tx.Save(on.coll, edit); err != nil {
					return err
				}
			}
			return nil
		})
	}
	edit(a, `{"n":%d}`)
	sync(t, a, p)
	edit(a, `{"n":%d,"by":"a"}`)
	edit(p, `{"n":%d,"by":"p"}`)
}

// runUntil runs one session between a and p. The named side ends with ctx.
func runUntil(a, p *peer, side string, ctx context.Context) {
	active, passive := sessions(a, p)
	activeCtx, passiveCtx := ctx, context.Background()
	if side == "passive" {
		activeCtx, passiveCtx = passiveCtx, activeCtx
	}
	ended := make(chan error)
	go func() { ended <- passive.Run(passiveCtx) }()
	_ = active.Run(activeCtx) // cut off, as the test wants it
	<-ended
}

// sound fails the test if a database is not.
func sound(t *testing.T, peers ...*peer) {
	t.Helper()
	for _, p := range peers {
		problems, err := p.db.Check(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		for _, problem := range problems {
			t.Errorf("check of %s: %v", p.db.Path(), problem)
		}
	}
}
