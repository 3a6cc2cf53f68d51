package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/revision/both"
	"github.com/tandemdb/tandem/internal/store"
)

const plainDigest = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"

// after returns a tree revision above id.
func after(id revision.ID, superseded ...revision.ID) revision.Rev {
	r := revision.Rev{ID: revision.NewTree(id.Generation()+1, strings.Repeat("b", 40))}
	r.History.Ancestors, r.History.Superseded = []revision.ID{id}, superseded
	return r
}

// What a peer has given up enters the vector: it must not carry times of the future into it.
func TestGivenUpRevisionsOfTheFutureAreRefused(t *testing.T) {
	t.Parallel()
	db := bothDB(t, store.Third)
	first := revision.NewTree(1, plainDigest)
	if _, err := receiveBoth(t, db, store.Incoming{ID: "d", Rev: revision.Rev{ID: first}}); err != nil {
		t.Fatal(err)
	}
	later := revision.Next(0, time.Now().Add(time.Hour))
	foreign := both.Embed(2, revision.NewVersion(later, revision.SourceFrom([16]byte{9})))
	for name, in := range map[string]store.Incoming{
		"in a deleted branch": {ID: "d", Rev: after(first, foreign)},
		"in a tree": {
			ID: "e", Rev: revision.Rev{ID: revision.NewVersion(revision.Next(0, time.Now()), revision.SourceFrom([16]byte{7}))},
			Tree: []revision.ID{"3-aa", foreign},
		},
	} {
		if _, err := receiveBoth(t, db, in); !errors.Is(err, fault.BadRevisionID) {
			t.Errorf("%s: got %v, want a bad revision ID", name, err)
		}
	}
	ours := both.Embed(2, revision.NewVersion(later, db.Source()))
	if _, err := receiveBoth(t, db, store.Incoming{ID: "d", Rev: after(first, ours), Body: []byte(`{"n":2}`)}); err != nil {
		t.Fatal(err)
	}
	edited := save(t, db, defaults(t, db), "d", `{"n":3}`)
	if err := revision.CheckTimes(edited.Rev, time.Now()); err != nil {
		t.Errorf("a version that we have yet to make has made our edit %s: %v", edited.Rev.ID, err)
	}
	sound(t, db)
}

// A generation that a peer sends leaves as much room for edits, in each form in which it may come.
func TestGenerationsLeaveRoom(t *testing.T) {
	t.Parallel()
	db := bothDB(t, store.Third)
	phone := revision.SourceFrom([16]byte{9})
	encoded := func(generation uint64) revision.ID { return revision.NewTree(generation, plainDigest).Encoded() }
	version := revision.NewVersion(revision.Next(0, time.Now()), phone)
	beyond := revision.RoomUpTo(both.MaxGeneration, 0) + 1
	for name, in := range map[string]store.Incoming{
		"a tree ID":        {Rev: revision.Rev{ID: revision.NewTree(beyond, plainDigest)}},
		"an encoded one":   {Rev: revision.Rev{ID: encoded(beyond)}},
		"an embedded one":  {Rev: revision.Rev{ID: both.Embed(2, encoded(beyond))}},
		"one in the past":  {Rev: revision.Rev{ID: version, History: revision.History{Previous: []revision.ID{encoded(beyond)}}}},
		"one of a tree":    {Rev: revision.Rev{ID: version}, Tree: []revision.ID{both.Embed(beyond, version)}},
		"one given up":     {Rev: after("1-aa", revision.NewTree(beyond, plainDigest))},
		"the last of them": {Rev: revision.Rev{ID: both.Embed(2, revision.NewVersion(revision.MaxTime, revision.LegacySource))}},
	} {
		in.ID = name
		if _, err := receiveBoth(t, db, in); !errors.Is(err, fault.BadRevisionID) {
			t.Errorf("%s: got %v, want a bad revision ID", name, err)
		}
	}
	sound(t, db)
}

// One revision of a high generation does not end the edits of a document: apps of either generation, another
// database of both and we go on above it, step by step up to the last generation.
func TestEditsGoOnAboveTheHighestJump(t *testing.T) {
	inFolders(t)
	t.Parallel()
	highest := revision.RoomUpTo(both.MaxGeneration, 1)
	for name, before := range map[string][]revision.ID{"first": nil, "over an edit": {"1-aa"}} {
		db, other, edit := bothDB(t, store.Third), bothDB(t, store.Third), 100
		take := func(db *store.DB, in store.Incoming) {
			t.Helper()
			edit++
			in.ID, in.Body = "d", fmt.Appendf(nil, `{"n":%d}`, edit)
			if outcome, err := receiveBoth(t, db, in); err != nil || outcome != store.Stored {
				t.Fatalf("%s: %s over %s: outcome %d, %v", name, in.Rev.ID, in.Rev.History, outcome, err)
			}
		}
		for _, id := range before {
			take(db, store.Incoming{Rev: revision.Rev{ID: id}})
		}
		tree := revision.Rev{ID: revision.NewTree(highest, plainDigest), History: revision.History{Ancestors: before}}
		take(db, store.Incoming{Rev: tree, Claim: "1-aa"})
		for range 3 {
			take(db, store.Incoming{Rev: after(treeOf(t, db, "d").ID)}) // an app of generation 3
			phone := revision.EditVersion(vectorOf(t, db), revision.Next(0, time.Now()), revision.SourceFrom([16]byte{9}))
			take(db, store.Incoming{Rev: phone})
			save(t, db, defaults(t, db), "d", `{"n":3}`)
			head := both.HeadOf(get(t, db, defaults(t, db), "d").Rev)
			take(other, store.Incoming{Rev: head.Vector(), Tree: head.Chain()})
			save(t, other, defaults(t, other), "d", `{"n":4}`)
			head = both.HeadOf(get(t, other, defaults(t, other), "d").Rev)
			take(db, store.Incoming{Rev: head.Vector(), Tree: head.Chain()})
		}
		far := revision.NewTree(treeOf(t, db, "d").ID.Generation()+revision.MaxStep+2, plainDigest)
		if _, err := receiveBoth(t, db, store.Incoming{ID: "d", Rev: revision.Rev{ID: far}}); !errors.Is(err, fault.BadRevisionID) {
			t.Errorf("%s: another jump, to %s: got %v, want a bad revision ID", name, far, err)
		}
		sound(t, db)
		sound(t, other)
	}
}

func vectorOf(t *testing.T, db *store.DB) revision.Rev {
	t.Helper()
	r := both.HeadOf(get(t, db, defaults(t, db), "d").Rev).Vector()
	r.History.Ancestors = nil
	return r
}

// A peer that only names our revision otherwise does not lift it to generations near the last.
func TestNamesFarAheadAreNotLearnt(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := bothDB(t, store.Third)
	head := save(t, db, defaults(t, db), "d", `{"n":1}`)
	for generation, want := range map[uint64]uint64{
		both.MaxGeneration / 2: 1, both.MaxGeneration: 1, revision.MaxGeneration: 1, 2 * revision.MaxStep: 1,
	} {
		tree := both.Embed(generation, head.Rev.ID)
		update(t, db, func(tx *store.Tx) error { return tx.Learn(defaults(t, db), "d", tree, 0) })
		if _, err := receiveBoth(t, db, store.Incoming{ID: "d", Rev: revision.Rev{ID: tree}, Body: []byte(`{"n":1}`)}); err != nil && !errors.Is(err, fault.BadRevisionID) {
			t.Fatal(err)
		}
		if got := treeOf(t, db, "d").ID.Generation(); got != want {
			t.Errorf("%s has made the generation %d, want %d", tree, got, want)
		}
	}
	update(t, db, func(tx *store.Tx) error { return tx.Learn(defaults(t, db), "d", both.Embed(100, head.Rev.ID), 0) })
	if got := treeOf(t, db, "d").ID; got != both.Embed(100, head.Rev.ID) {
		t.Errorf("the tree ID is %s, want the one that a peer has of generation 100", got)
	}
	sound(t, db)
}

// The chain that comes with a version is what it says, or is refused.
func TestChainsThatDoNotFallAreRefused(t *testing.T) {
	t.Parallel()
	db := bothDB(t, store.Third)
	long := make([]revision.ID, revision.DefaultHistory+1)
	for i := range long {
		long[i] = revision.NewTree(uint64(len(long)-i), plainDigest)
	}
	version := revision.NewVersion(revision.Next(0, time.Now()), revision.SourceFrom([16]byte{7}))
	for name, tree := range map[string][]revision.ID{
		"rising": {"2-aa", "9-bb", "1-cc"}, "equal": {"9-aa", "9-bb"}, "with a version": {"9-aa", version}, "too long": long,
	} {
		_, err := receiveBoth(t, db, store.Incoming{ID: name, Rev: revision.Rev{ID: version}, Tree: tree})
		if !errors.Is(err, fault.BadRevisionID) {
			t.Errorf("%s: got %v, want a bad revision ID", name, err)
		}
	}
	if _, err := receiveBoth(t, db, store.Incoming{ID: "d", Rev: revision.Rev{ID: version}, Tree: long[1:]}); err != nil {
		t.Errorf("a chain of 50: %v", err)
	}
	sound(t, db)
}

// The shortest history still has the head's tree ID, the parent's, and what remotes have.
func TestTheShortestHistoryKeepsTheTreeIDs(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{Versioning: store.Both, MaxHistory: 1})
	if err := db.NoteMet(background, store.Third); err != nil {
		t.Fatal(err)
	}
	c, phone := defaults(t, db), remote(t, db, "ws://phone/db")
	first := revision.NewTree(1, plainDigest)
	if _, err := receiveBoth(t, db, store.Incoming{ID: "d", Rev: revision.Rev{ID: first}, Body: []byte(`{"n":1}`), Remote: phone}); err != nil {
		t.Fatal(err)
	}
	if got := treeOf(t, db, "d").ID; got != first {
		t.Errorf("the tree ID is %s, want %s", got, first)
	}
	for range 3 {
		save(t, db, c, "d", `{"n":2}`)
	}
	chain := both.HeadOf(get(t, db, c, "d").Rev).Chain()
	if len(chain) != 3 || chain[0].Generation() != 4 || chain[1].Generation() != 3 || chain[2] != first {
		t.Errorf("the chain is %v, want generations 4 and 3, and the remote's %s", chain, first)
	}
	sound(t, db)
}

// A database of both generations stays one.
func TestUpgradeVersioningLeavesADatabaseOfBothAsItIs(t *testing.T) {
	t.Parallel()
	db := bothDB(t, store.Third)
	if err := db.UpgradeVersioning(background); err != nil || db.Versioning() != store.Both {
		t.Errorf("got %v and a database of %s, want one of %s", err, db.Versioning(), store.Both)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := db.UpgradeVersioning(background); !errors.Is(err, fault.NotOpen) {
		t.Errorf("a closed database: got %v, want that it is not open", err)
	}
}

// A vector that has seen a tree revision shows that the third generation is about.
func TestAVectorOverATreeRevisionShowsTheThirdGeneration(t *testing.T) {
	t.Parallel()
	db := bothDB(t, store.Fourth)
	rev := revision.Rev{ID: revision.NewVersion(revision.Next(0, time.Now()), revision.SourceFrom([16]byte{9}))}
	if _, err := receiveBoth(t, db, store.Incoming{ID: "a", Rev: rev}); err != nil || db.HasTrees() {
		t.Fatalf("a vector alone: got %v, has trees %t", err, db.HasTrees())
	}
	rev.History.Previous = []revision.ID{revision.NewTree(1, plainDigest).Encoded()}
	if _, err := receiveBoth(t, db, store.Incoming{ID: "b", Rev: rev}); err != nil || !db.HasTrees() {
		t.Fatalf("a vector over a tree revision: got %v, has trees %t", err, db.HasTrees())
	}
	sound(t, db)
}

// Programs that know one generation refuse a database of both: its format is beyond theirs.
func TestServingBothRaisesTheFormat(t *testing.T) {
	inFolders(t)
	t.Parallel()
	const before = 4 // the latest format of programs that know one generation
	db := open(t, store.Options{})
	if got := formatOf(t, db); got > before {
		t.Errorf("a database of one generation has format %d, want at most %d", got, before)
	}
	if err := db.ServeBoth(background); err != nil {
		t.Fatal(err)
	}
	for what, db := range map[string]*store.DB{"upgraded": db, "created": open(t, store.Options{Versioning: store.Both})} {
		if got := formatOf(t, db); got <= before {
			t.Errorf("%s: the format is %d, want more than %d", what, got, before)
		}
	}
}
