package revision_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/fuzzing"
	"github.com/tandemdb/tandem/internal/revision"
)

// world is a document's life on several peers: every revision made by edits, merges and
// resolutions, from a root of trees or of versions.
type world struct {
	t     *rapid.T
	clock revision.Time
	revs  []revision.Rev
}

func newWorld(t *rapid.T) *world {
	w := &world{t: t, clock: revision.Next(0, time.Unix(1_780_000_000, 0))}
	root := revision.EditTree(revision.Rev{}, false, []byte("{}"))
	w.revs = []revision.Rev{root, revision.EditTree(root, false, []byte(`{"a":1}`)), revision.EditVersion(revision.Rev{}, w.now(), carol)}
	for range rapid.IntRange(0, 15).Draw(t, "steps") {
		w.step()
	}
	return w
}

func (w *world) now() revision.Time {
	w.clock = revision.Next(w.clock, time.Unix(1_780_000_000, 0))
	return w.clock
}

func (w *world) any(label string) revision.Rev { return rapid.SampledFrom(w.revs).Draw(w.t, label) }

func (w *world) source() revision.Source {
	return rapid.SampledFrom([]revision.Source{alice, bob, carol}).Draw(w.t, "source")
}

func (w *world) step() {
	a, b := w.any("a"), w.any("b")
	switch rapid.IntRange(0, 3).Draw(w.t, "kind") {
	case 0:
		w.revs = append(w.revs, revision.EditVersion(a, w.now(), w.source()))
	case 1:
		body := fmt.Appendf(nil, `{"n":%d}`, len(w.revs))
		if a.ID.IsTree() {
			w.revs = append(w.revs, revision.EditTree(a, false, body))
		}
	case 2:
		if revision.Compare(a, b) == revision.Conflict {
			w.revs = append(w.revs, revision.MergeVersions(a, b, w.now(), w.source()))
		}
	case 3:
		if revision.Compare(a, b) == revision.Conflict {
			w.revs = append(w.revs, revision.Absorb(a, b))
		}
	}
}

func property(t *testing.T, check func(t *rapid.T, w *world)) {
	rapid.Check(t, func(t *rapid.T) { check(t, newWorld(t)) })
}

func TestCompareIsAntisymmetric(t *testing.T) {
	property(t, func(t *rapid.T, w *world) {
		for _, a := range w.revs {
			for _, b := range w.revs {
				if got := revision.Compare(a, b); got != revision.Compare(b, a).Inverse() {
					t.Fatalf("Compare(%v, %v) = %v, but inversely %v", a, b, got, revision.Compare(b, a))
				}
			}
		}
	})
}

func TestEditsAreNewerThanTheirParents(t *testing.T) {
	property(t, func(t *rapid.T, w *world) {
		parent := w.any("parent")
		edit := revision.EditVersion(parent, w.now(), w.source())
		if got := revision.Compare(edit, parent); got != revision.Newer {
			t.Fatalf("edit %v of %v is %v", edit, parent, got)
		}
		if parent.ID.IsTree() {
			edit = revision.EditTree(parent, true, []byte("{}"))
			if got := revision.Compare(edit, parent); got != revision.Newer {
				t.Fatalf("edit %v of %v is %v", edit, parent, got)
			}
		}
	})
}

func TestMergesAreNewerThanBothSides(t *testing.T) {
	property(t, func(t *rapid.T, w *world) {
		local, remote := w.any("local"), w.any("remote")
		if revision.Compare(local, remote) != revision.Conflict {
			t.Skip("nothing to merge")
		}
		merged := revision.MergeVersions(local, remote, w.now(), w.source())
		for _, side := range []revision.Rev{local, remote} {
			if got := revision.Compare(merged, side); got != revision.Newer {
				t.Fatalf("merge %v of %v and %v is %v than %v", merged, local, remote, got, side)
			}
		}
	})
}

func TestAbsorbingSettlesTheConflict(t *testing.T) {
	property(t, func(t *rapid.T, w *world) {
		winner, loser := w.any("winner"), w.any("loser")
		bothLegacy := winner.IsLegacy() && loser.IsLegacy()
		if revision.Compare(winner, loser) != revision.Conflict || bothLegacy || loser.Contains(winner.ID) {
			t.Skip("nothing that absorbing settles")
		}
		got := revision.Absorb(winner, loser)
		if order := revision.Compare(got, winner); order != revision.Same {
			t.Fatalf("Absorb(%v, %v) = %v is %v than the winner", winner, loser, got, order)
		}
		if order := revision.Compare(got, loser); order != revision.Newer {
			t.Fatalf("Absorb(%v, %v) = %v is %v than the loser", winner, loser, got, order)
		}
	})
}

// Written text must satisfy strict peers, and parse to the same value.
func TestTextRoundTrips(t *testing.T) {
	property(t, func(t *rapid.T, w *world) {
		for _, r := range w.revs {
			wire, err := revision.ParseRev(string(r.ID), r.WireHistory(0, nil))
			if err != nil || !cmp.Equal(wire, r) {
				t.Fatalf("on the wire %v becomes %v, %v", r, wire, err)
			}
			stored, err := revision.ParseHistory(r.History.String())
			if err != nil || !cmp.Equal(stored, r.History) {
				t.Fatalf("stored history of %v becomes %v, %v", r, stored, err)
			}
			without := r
			without.History.Ancestors = nil
			vector, err := revision.ParseVector(r.Vector())
			if err != nil || !cmp.Equal(vector, without) {
				t.Fatalf("vector %q of %v becomes %v, %v", r.Vector(), r, vector, err)
			}
			if err := revision.CheckTimes(r, time.Unix(1_780_000_000, 0)); err != nil {
				t.Fatalf("CheckTimes(%v): %v", r, err)
			}
		}
	})
}

func TestReceivingWhatIsHereChangesNothing(t *testing.T) {
	property(t, func(t *rapid.T, w *world) {
		r := w.any("rev")
		if got := revision.Receive(r, false, "", r); got != revision.Same {
			t.Fatalf("Receive(%v, itself) = %v", r, got)
		}
		if got := revision.Wanted(r, revision.Rev{ID: r.ID}); got != revision.Same {
			t.Fatalf("Wanted(%v, its ID) = %v", r, got)
		}
		if got := revision.Proposal(r, false, revision.Rev{ID: r.ID}, ""); got != revision.Known {
			t.Fatalf("Proposal(%v, its ID) = %v", r, got)
		}
	})
}

func FuzzParseRev(f *testing.F) {
	f.Add("3-c", "2-b,1-a")
	f.Add(string(a2), string(b1)+", "+string(c1)+"; "+string(d1)+", 3-ab")
	f.Add(string(a2)+", "+string(b1)+";", "")
	f.Add("21111000000@Revision+Tree+Encoding", "")
	for _, m := range fuzzing.Recorded(f, "rev") {
		f.Add(m.Property("rev"), m.Property("history"))
	}
	f.Fuzz(func(t *testing.T, id, history string) {
		var r revision.Rev
		var err error
		fuzzing.Bounded(t, len(id)+len(history), func() { r, err = revision.ParseRev(id, history) })
		if err != nil {
			return
		}
		_ = revision.CheckTimes(r, time.Unix(1_780_000_000, 0))
		if revision.Compare(r, r) != revision.Same {
			t.Fatalf("%v is not itself", r)
		}
		if len(r.History.Ancestors) >= revision.DefaultHistory {
			return // longer histories are cut on the wire
		}
		again, err := revision.ParseRev(string(r.ID), r.WireHistory(0, nil))
		if err != nil || !cmp.Equal(again, r) {
			t.Fatalf("%q, %q reads as %v and then as %v, %v", id, history, r, again, err)
		}
	})
}

func FuzzParseHistory(f *testing.F) {
	f.Add("2-b,1-a")
	f.Add(string(b1) + ";" + string(d1) + ",3-ab")
	for _, m := range fuzzing.Recorded(f, "rev") {
		f.Add(m.Property("history"))
	}
	f.Fuzz(func(t *testing.T, text string) {
		var h revision.History
		var err error
		fuzzing.Bounded(t, len(text), func() { h, err = revision.ParseHistory(text) })
		if err != nil {
			return
		}
		again, err := revision.ParseHistory(h.String())
		if err != nil || !cmp.Equal(again, h) {
			t.Fatalf("%q reads as %v and then as %v, %v", text, h, again, err)
		}
	})
}

func FuzzParseTreeIDs(f *testing.F) {
	f.Add("3-c,2-b")
	f.Add("2-b, x," + string(a2) + ",,1-a")
	for _, m := range fuzzing.Recorded(f, "changes answer") {
		f.Add(string(m.Body))
	}
	f.Fuzz(func(t *testing.T, text string) {
		var ids []revision.ID
		fuzzing.Bounded(t, len(text), func() { ids = revision.ParseTreeIDs(text) })
		if again := revision.ParseTreeIDs(revision.JoinIDs(ids)); !cmp.Equal(again, ids) {
			t.Fatalf("%q reads as %v and then as %v", text, ids, again)
		}
		if below := revision.ParseDeletedBranch(text); len(below) != max(len(ids)-1, 0) {
			t.Fatalf("%q has %d revisions, but %v below the first", text, len(ids), below)
		}
	})
}
