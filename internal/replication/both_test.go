package replication_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
)

// fleet is a database of both generations with an app of each. An app leads its sessions, or our
// database does.
type fleet struct {
	t                  *testing.T
	weLead             bool
	trees, ours, vects *peer
}

func newFleet(t *testing.T, weLead bool) *fleet {
	t.Helper()
	return &fleet{t, weLead, newPeer(t, store.RevTrees), newPeer(t, store.Both), newPeer(t, store.VersionVectors)}
}

func eachLead(t *testing.T, test func(f *fleet)) {
	for name, weLead := range map[string]bool{"apps lead": false, "we lead": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newFleet(t, weLead))
		})
	}
}

// meet syncs one app with our database, and returns the progress of the active side.
func (f *fleet) meet(app *peer, configure ...func(*replication.Active, *replication.Passive)) replication.Progress {
	f.t.Helper()
	a, p := app, f.ours
	if f.weLead {
		a, p = p, a
	}
	speak := func(a *replication.Active, p *replication.Passive) {
		a.Protocol, p.Protocol = protocolOf(app), protocolOf(app)
	}
	return sync(f.t, a, p, append(configure, speak)...).active.Progress()
}

// meetAll syncs until nobody has news. It fails the test if the last round still moved a revision.
func (f *fleet) meetAll() {
	f.t.Helper()
	for range 3 {
		f.meet(f.trees)
		f.meet(f.vects)
	}
	for _, app := range []*peer{f.trees, f.vects} {
		if got := f.meet(app); got.Push.Documents+got.Pull.Documents+got.Conflicts > 0 {
			f.t.Errorf("the sync after the last moves something: %+v", got)
		}
	}
	bodies := func(p *peer) string { return fmt.Sprint(p.bodies()) }
	if a, b, c := bodies(f.trees), bodies(f.ours), bodies(f.vects); a != b || b != c {
		f.t.Errorf("the third generation has %s\nwe have %s\nthe fourth has %s", a, b, c)
	}
}

// bodies maps the IDs of documents to their bodies.
func (p *peer) bodies() map[string]string {
	all := p.contents()
	for id, text := range all {
		_, all[id], _ = strings.Cut(text, " ")
	}
	return all
}

func TestBothGenerationsCreateEditDeleteAndCreateAnew(t *testing.T) {
	t.Parallel()
	eachLead(t, func(f *fleet) {
		actors := []*peer{f.trees, f.vects, f.ours}
		for i, actor := range actors {
			actor.put(fmt.Sprintf("d%d", i), `{"by":"the first"}`)
		}
		f.meetAll()
		for round, by := range []string{"edit", "edit", "delete", "edit"} {
			for i := range actors {
				actor, id := actors[(i+round+1)%3], fmt.Sprintf("d%d", i)
				if by == "delete" {
					actor.delete(id)
				} else {
					actor.put(id, fmt.Sprintf(`{"round":%d}`, round))
				}
			}
			conflicts := f.meet(f.trees).Conflicts + f.meet(f.vects).Conflicts
			if conflicts > 0 {
				f.t.Errorf("round %d: %d conflicts, want none", round, conflicts)
			}
			f.meetAll()
		}
		for i := range actors { // one revision for each edit: 5 in all, in the tree of the third generation
			if rev := f.trees.contents()[fmt.Sprintf("d%d", i)]; !strings.HasPrefix(rev, "5-") {
				f.t.Errorf("d%d: the third generation has %s, want generation 5", i, rev)
			}
		}
	})
}

func TestBothGenerationsInConflict(t *testing.T) {
	t.Parallel()
	eachLead(t, func(f *fleet) {
		for i := range 12 {
			f.ours.put(fmt.Sprintf("d%02d", i), `{"n":0}`)
		}
		f.meetAll()
		for i := range 12 {
			id := fmt.Sprintf("d%02d", i)
			for n := range i%3 + 1 {
				f.trees.put(id, fmt.Sprintf(`{"by":"the third","n":%d}`, n))
			}
			switch i / 3 {
			case 0:
				f.vects.put(id, `{"by":"the fourth"}`)
			case 1:
				f.ours.put(id, `{"by":"us"}`)
			case 2:
				f.vects.delete(id)
			case 3:
				f.vects.put(id, `{"by":"the fourth"}`)
				f.trees.delete(id)
			}
		}
		f.meet(f.vects)
		f.meetAll()
	})
}

func TestBothGenerationsMoveManyDocuments(t *testing.T) {
	t.Parallel()
	eachLead(t, func(f *fleet) {
		for i := range 300 {
			f.trees.put(fmt.Sprintf("a%d", i), fmt.Sprintf(`{"n":%d}`, i))
			f.vects.put(fmt.Sprintf("b%d", i), fmt.Sprintf(`{"n":%d}`, i))
			f.ours.put(fmt.Sprintf("c%d", i), fmt.Sprintf(`{"n":%d}`, i))
		}
		f.meetAll()
		if n := len(f.trees.bodies()); n != 900 {
			f.t.Errorf("the third generation has %d documents, want 900", n)
		}
		met := fmt.Sprint(f.ours.db.Met())
		if met != "[3 4]" {
			f.t.Errorf("met %s, want both generations", met)
		}
	})
}
