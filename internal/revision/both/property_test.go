package both_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/revision/both"
)

// lives is a document's life on databases of both generations and apps of each: heads made by edits of all
// kinds, by what arrives from others, and by resolutions.
type lives struct {
	t     *rapid.T
	clock revision.Time
	heads []both.Head
}

func drawLives(t *rapid.T) *lives {
	w := &lives{t: t, clock: revision.Next(0, time.Unix(1_780_000_000, 0))}
	root := revision.EditTree(revision.Rev{}, false, []byte(`{}`))
	w.heads = []both.Head{
		both.First(both.Incoming{Rev: root}),
		both.First(both.Incoming{Rev: revision.Rev{ID: w.version()}}),
	}
	for range rapid.IntRange(1, 20).Draw(t, "steps") {
		w.step()
	}
	return w
}

func (w *lives) version() revision.ID {
	w.clock++
	return revision.NewVersion(w.clock, sourceOf(rapid.IntRange(0, 3).Draw(w.t, "source")))
}

func (w *lives) any(label string) both.Head { return rapid.SampledFrom(w.heads).Draw(w.t, label) }

// conflict returns two heads that are in conflict, and what becomes of each when it meets the other. It skips the test if
// those that are drawn are in none.
func (w *lives) conflict() (a, b both.Head, here, there both.Result) {
	a, b = w.any("a"), w.any("b")
	here, there = a.Receive(fromBoth(b)), b.Receive(fromBoth(a))
	if here.Outcome != both.Conflicting || there.Outcome != both.Conflicting {
		w.t.Skip("no conflict")
	}
	return a, b, here, there
}

func (w *lives) step() {
	a, b := w.any("a"), w.any("b")
	switch rapid.IntRange(0, 5).Draw(w.t, "kind") {
	case 0: // our edit
		w.heads = append(w.heads, a.Next(w.version(), 0))
	case 1: // an edit of an app of the third generation
		tree := a.Tree()
		tree.History.Ancestors = a.History(nil, 49)
		child := revision.EditTree(tree, false, fmt.Appendf(nil, `{"n":%d}`, len(w.heads)))
		w.keep(a, both.Incoming{Rev: child})
	case 2: // one of the fourth
		w.keep(a, both.Incoming{Rev: revision.EditVersion(vectorAlone(a), w.clock+1, sourceOf(5))})
		w.clock++
	case 3: // b arrives over the fourth protocol, from a database of both
		w.keep(a, fromBoth(b))
	case 4: // and over the third
		r := b.Tree()
		r.History.Ancestors = b.History(nil, 49)
		w.keep(a, both.Incoming{Rev: r})
	case 5: // b arrives from an app of the fourth
		w.keep(a, both.Incoming{Rev: vectorAlone(b)})
	}
}

func vectorAlone(h both.Head) revision.Rev {
	r := h.Rev()
	return revision.Rev{ID: r.ID, History: revision.History{Merges: r.History.Merges, Previous: r.History.Previous}}
}

func fromBoth(h both.Head) both.Incoming {
	return both.Incoming{Rev: vectorAlone(h), Tree: h.Chain(), Superseded: h.Rev().History.Superseded, From: both.OfBoth}
}

// keep adds what becomes of a head when a revision comes in.
func (w *lives) keep(h both.Head, in both.Incoming) {
	in.Same = rapid.Bool().Draw(w.t, "same")
	r := h.Receive(in)
	next := r.Head
	switch r.Outcome {
	case both.Conflicting, both.Settled:
		who := rapid.SampledFrom([]both.Winner{both.Local, both.Remote, both.Merged}).Draw(w.t, "winner")
		var renew bool
		var least uint64
		if next, renew, least = both.Resolve(h, r.Head, who, false); renew {
			next = next.Next(w.version(), least)
		}
	case both.Ignored, both.Named, both.Replaced:
		if r.Renew {
			next = next.Next(w.version(), 0)
		}
	}
	w.heads = append(w.heads, next)
}

func TestAnEmbeddedVersionIsReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var uuid [16]byte
		copy(uuid[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "source"))
		at := revision.Time(rapid.Uint64Range(1, uint64(revision.MaxTime)).Draw(t, "time"))
		version := revision.NewVersion(at, revision.SourceFrom(uuid))
		generation := rapid.Uint64Range(1, both.MaxGeneration).Draw(t, "generation")
		tree := both.Embed(generation, version)
		if got := both.VersionOf(tree); got != version || tree.Generation() != generation {
			t.Fatalf("%s embedded as %s is read as %s", version, tree, got)
		}
		if parsed, err := revision.ParseID(string(tree)); err != nil || parsed != tree {
			t.Fatalf("%s is parsed as %s: %v", tree, parsed, err)
		}
	})
}

// A peer of the third generation never prefers an ancestor, and what it writes upon a head is later in the
// vectors of the fourth than all that the head has seen.
func TestAHeadsGenerationIsAboveItsPast(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		for _, h := range drawLives(t).heads {
			r := h.Rev()
			top := h.Chain()[0].Generation()
			for _, id := range r.History.Previous {
				if id.Source() != revision.LegacySource {
					continue
				}
				past := uint64(id.Time() >> 40)
				if past > top || past == top && len(r.History.Names) == 0 { // one of its names may have been of this generation
					t.Fatalf("%s is of a generation of its past: %s", h.Chain()[0], r.History)
				}
			}
			for i, id := range h.Chain()[1:] {
				if id.Generation() >= h.Chain()[i].Generation() {
					t.Fatalf("generations do not fall in %v", h.Chain())
				}
			}
			if !h.Is(h.Chain()[0]) || !h.Is(r.ID) {
				t.Fatalf("%s does not know its names: %v", r.ID, h.Chain())
			}
		}
	})
}

// LiteCore refuses a history in which a generation is missing, and needs one that it knows.
func TestHistoriesFallByOne(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawLives(t)
		h, limit := w.any("head"), rapid.IntRange(2, 49).Draw(t, "limit")
		var known []revision.ID
		if rapid.Bool().Draw(t, "knows") {
			known = []revision.ID{w.any("known").Chain()[0]}
		}
		list := h.History(known, limit)
		if len(list) > limit {
			t.Fatalf("%d ancestors, want %d at most", len(list), limit)
		}
		above := h.Chain()[0].Generation()
		for i, id := range list {
			isCut := i == len(list)-1 && len(list) == limit
			if g := id.Generation(); g != above-1 && !(isCut && g < above) {
				t.Fatalf("%v above %v: generations do not fall by one", h.Chain()[0], list)
			}
			above = id.Generation()
		}
		if len(known) > 0 && h.Seen(known[0]) && known[0].Generation() < h.Chain()[0].Generation() && len(list) < limit &&
			!slices.Contains(list, known[0]) && !h.Is(known[0]) {
			t.Fatalf("%v does not lead to %s, which %v has seen", list, known[0], h.Chain())
		}
	})
}

// An outcome replaces both sides, in both worlds.
func TestAResolutionCoversBothSides(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawLives(t)
		a, b := w.any("local"), w.any("remote")
		r := a.Receive(fromBoth(b))
		if r.Outcome != both.Conflicting {
			t.Skip("no conflict")
		}
		who := rapid.SampledFrom([]both.Winner{both.Local, both.Remote, both.Merged}).Draw(t, "winner")
		next, renew, least := both.Resolve(a, r.Head, who, false)
		if renew {
			next = next.Next(w.version(), least)
		}
		for side, h := range map[string]both.Head{"local": a, "remote": b} {
			if !next.Covers(h) || !next.Seen(h.Chain()[0]) {
				t.Fatalf("the %s side %s is not covered by %s %v", side, h.Rev().ID, next.Rev().ID, next.Chain())
			}
			if !next.Is(h.Chain()[0]) && next.Chain()[0].Generation() <= h.Chain()[0].Generation() {
				t.Fatalf("%s is not above the %s side's %s", next.Chain()[0], side, h.Chain()[0])
			}
			if got := h.Receive(fromBoth(next)).Outcome; got != both.Replaced && !next.Is(h.Rev().ID) {
				t.Fatalf("the %s side %v takes the outcome %v as %v", side, h.Chain(), next.Chain(), got)
			}
		}
	})
}

// Two databases that decide one conflict alike give the outcome the same names.
func TestResolutionsAreTheSameOnEveryDatabase(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawLives(t)
		a, b, here, there := w.conflict()
		winner := both.DefaultWinner(a, here.Head, false, false)
		other := both.Local
		if winner == both.Local {
			other = both.Remote
		}
		if got := both.DefaultWinner(b, there.Head, false, false); got != other {
			t.Fatalf("both sides of %v and %v win", a.Chain(), b.Chain())
		}
		x, _, _ := both.Resolve(a, here.Head, winner, false)
		y, _, _ := both.Resolve(b, there.Head, other, false)
		if x.Rev().ID != y.Rev().ID || x.Chain()[0] != y.Chain()[0] {
			t.Fatalf("one ends with %s %s, the other with %s %s", x.Rev().ID, x.Chain()[0], y.Rev().ID, y.Chain()[0])
		}
	})
}

// What replaces a head has seen it, unless it is the same content.
func TestOnlyADescendantReplaces(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawLives(t)
		a, b := w.any("a"), w.any("b")
		switch r := a.Receive(fromBoth(b)); r.Outcome {
		case both.Replaced:
			if !r.Head.Covers(a) {
				t.Fatalf("%v replaces %v, which it has not seen", r.Head.Chain(), a.Chain())
			}
		case both.Ignored:
			if !a.Covers(b) && !a.Is(b.Rev().ID) {
				t.Fatalf("%v ignores %v, which it has not seen", a.Chain(), b.Chain())
			}
		case both.Named, both.Conflicting, both.Settled:
		}
	})
}

// A name alone never makes a version, which would cross into the other world.
func TestLearningANameMakesNoVersion(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawLives(t)
		h := w.any("head")
		tree := both.Embed(uint64(rapid.IntRange(1, 60).Draw(t, "generation")), h.Rev().ID)
		learnt := h.Learn(tree)
		if learnt.Rev().ID != h.Rev().ID || !learnt.Is(tree) || !learnt.Seen(tree) {
			t.Fatalf("%s learns %s and is %s", h.Rev().ID, tree, learnt.Rev().ID)
		}
		if tree.Generation() > h.Chain()[0].Generation() && learnt.Chain()[0].Generation() < tree.Generation() {
			t.Fatalf("%s stays the name though a peer has %s", learnt.Chain()[0], tree)
		}
	})
}

func TestAHeadIsStoredAndReadBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		for _, h := range drawLives(t).heads {
			r := h.Rev()
			read, err := revision.ParseStored(string(r.ID), r.History.String())
			if err != nil {
				t.Fatalf("%s %s: %v", r.ID, r.History, err)
			}
			if diff := cmp.Diff(r, both.HeadOf(read).Rev()); diff != "" {
				t.Fatalf("stored and read:\n%s", diff)
			}
		}
	})
}

// Two databases have decided a conflict in opposite ways, and meet by way of an app of the third generation alone. It
// takes what is of a higher generation, and neither may raise its own for ever.
func TestOppositeDecisionsComeToRestAtATree(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := drawLives(t)
		a, b, here, there := w.conflict()
		x, _, _ := both.Resolve(a, here.Head, both.Local, false)
		y, _, _ := both.Resolve(b, there.Head, both.Local, false)
		heads, app := []both.Head{x, y}, x.Tree()
		for round, calm := 0, 0; calm < 2; round++ {
			if round == 30 {
				t.Fatalf("%v and %v do not come to rest", heads[0].Chain(), heads[1].Chain())
			}
			before := fmt.Sprint(heads[0].Rev(), heads[1].Rev(), app)
			for i := range heads {
				heads[i], app = meetApp(heads[i], app)
			}
			if calm++; fmt.Sprint(heads[0].Rev(), heads[1].Rev(), app) != before {
				calm = 0
			}
		}
		for i, h := range heads {
			if !h.Is(app.ID) {
				t.Fatalf("at rest the app has %s, and head %d is %v", app.ID, i, h.Chain())
			}
		}
	})
}

// meetApp pulls from an app of trees and pushes to it.
func meetApp(h both.Head, app revision.Rev) (both.Head, revision.Rev) {
	if h.Is(app.ID) && h.Chain()[0] == app.ID {
		return h, app
	}
	switch a := h.Want(both.Offer{Rev: revision.Rev{ID: app.ID}}, both.App); {
	case a.Learn != "":
		h = h.Learn(a.Learn)
	case a.Status == revision.Accept:
		r := h.Receive(both.Incoming{Rev: app})
		if r.Outcome == both.Conflicting { // made anew where both were beaten
			r.Head, _, _ = both.Resolve(h, r.Head, both.DefaultWinner(h, r.Head, false, false), false)
		}
		h = r.Head
	}
	if top := h.Chain()[0]; top.Generation() > app.ID.Generation() {
		if history := h.History([]revision.ID{app.ID}, 49); slices.Contains(history, app.ID) {
			app = revision.Rev{ID: top, History: revision.History{Ancestors: history}}
		}
	}
	return h, app
}
