package store_test

import (
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/revision/both"
	"github.com/tandemdb/tandem/internal/store"
)

func bothDB(t *testing.T, met ...store.Generation) *store.DB {
	t.Helper()
	db := open(t, store.Options{Versioning: store.Both})
	for _, g := range met {
		if err := db.NoteMet(background, g); err != nil {
			t.Fatal(err)
		}
	}
	return db
}

func treeOf(t *testing.T, db *store.DB, id string) revision.Rev {
	t.Helper()
	return both.HeadOf(get(t, db, defaults(t, db), id).Rev).Tree()
}

func receiveBoth(t *testing.T, db *store.DB, in store.Incoming) (outcome store.Outcome, err error) {
	t.Helper()
	c := defaults(t, db)
	err = db.Update(background, func(tx *store.Tx) (err error) {
		outcome, err = tx.Receive(c, in)
		return err
	})
	return outcome, err
}

// The stages of a document that both generations edit in turn: one revision per edit, each a descendant in
// both worlds.
func TestBothGenerationsEditInTurn(t *testing.T) {
	t.Parallel()
	db := bothDB(t, store.Third, store.Fourth)
	c := defaults(t, db)
	first := revision.EditTree(revision.Rev{}, false, []byte(`{"n":1}`))
	if _, err := receiveBoth(t, db, store.Incoming{ID: "d", Rev: first, Body: []byte(`{"n":1}`)}); err != nil {
		t.Fatal(err)
	}
	if got := treeOf(t, db, "d").ID; got != first.ID {
		t.Fatalf("tree ID is %s, want %s", got, first.ID)
	}
	// a peer of the fourth generation edits it
	phone := revision.SourceFrom([16]byte{9})
	second := revision.EditVersion(revision.Rev{ID: first.ID.Encoded()}, revision.Next(0, time.Now()), phone)
	if _, err := receiveBoth(t, db, store.Incoming{ID: "d", Rev: second, Body: []byte(`{"n":2}`)}); err != nil {
		t.Fatal(err)
	}
	tree := treeOf(t, db, "d")
	if want := both.Embed(2, second.ID); tree.ID != want || tree.History.Ancestors[0] != first.ID {
		t.Fatalf("tree is %s over %v, want %s over %s", tree.ID, tree.History.Ancestors, want, first.ID)
	}
	// one of the third edits that
	third := revision.EditTree(tree, false, []byte(`{"n":3}`))
	third.History.Superseded = nil
	if _, err := receiveBoth(t, db, store.Incoming{ID: "d", Rev: third, Body: []byte(`{"n":3}`)}); err != nil {
		t.Fatal(err)
	}
	d := get(t, db, c, "d")
	if d.Rev.ID != third.ID.Encoded() || !d.Rev.Contains(second.ID) {
		t.Fatalf("head is %s over %s, want %s over %s", d.Rev.ID, d.Rev.History, third.ID.Encoded(), second.ID)
	}
	// and we do
	edited := save(t, db, c, "d", `{"n":4}`)
	if got := treeOf(t, db, "d"); got.ID != both.Embed(4, edited.Rev.ID) || got.History.Ancestors[0] != third.ID {
		t.Fatalf("tree is %s over %v", got.ID, got.History.Ancestors)
	}
	sound(t, db)
}

// Databases of either generation serve both from then on, with their documents as they are.
func TestADatabaseOfEitherGenerationServesBoth(t *testing.T) {
	t.Parallel()
	for _, v := range bothVersionings {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			at, openIt := filepath.Join(t.TempDir(), "db"+store.Extension), openAt
			if onPostgres() {
				at, openIt = postgresURL(t), openNode
			}
			db := openIt(t, at, store.Options{Versioning: v})
			c := defaults(t, db)
			save(t, db, c, "d", `{"n":1}`)
			before := save(t, db, c, "d", `{"n":2}`)
			if !onPostgres() {
				staysWhileInUse(t, db, at)
			}
			for range 2 { // the second time it does nothing
				if err := errors.Join(db.ServeBoth(background), db.UpgradeVersioning(background)); err != nil {
					t.Fatal(err)
				}
			}
			if got := get(t, db, c, "d"); got.Rev.ID != before.Rev.ID || got.Sequence != before.Sequence {
				t.Errorf("the document has become %s@%d, want %s@%d", got.Rev.ID, got.Sequence, before.Rev.ID, before.Sequence)
			}
			wasTrees := v == store.RevTrees
			if got := treeOf(t, db, "d"); wasTrees && got.ID != before.Rev.ID || got.ID.Generation() != map[bool]uint64{true: 2, false: 1}[wasTrees] {
				t.Errorf("its tree ID is %s, of %s", got.ID, before.Rev.ID)
			}
			if met := db.Met(); len(met) > 0 || db.HasTrees() != wasTrees {
				t.Errorf("has met %v, though nobody came; has trees %t, want %t", met, db.HasTrees(), wasTrees)
			}
			after := save(t, db, c, "d", `{"n":3}`)
			if !after.Rev.ID.IsVersion() || !both.HeadOf(after.Rev).Seen(before.Rev.ID) {
				t.Errorf("the edit is %s over %s, want a version over %s", after.Rev.ID, after.Rev.History, before.Rev.ID)
			}
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			again := openIt(t, at, store.Options{})
			if again.Versioning() != store.Both || again.HasTrees() != wasTrees {
				t.Errorf("read again: versioning %s, trees %t", again.Versioning(), again.HasTrees())
			}
			sound(t, again)
		})
	}
}

// staysWhileInUse requires that a database does not change its generation under the sessions of others.
func staysWhileInUse(t *testing.T, db *store.DB, path string) {
	t.Helper()
	was, other := db.Versioning(), openAt(t, path, store.Options{})
	if err := db.ServeBoth(background); !errors.Is(err, fault.Busy) || db.Versioning() != was {
		t.Errorf("somebody else has it open: got %v and a database of %s, want that it is busy", err, db.Versioning())
	}
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
}

// Before a peer of the third generation comes, rows are those of version vectors.
func TestRowsHoldNoTreeIDsBeforeTheThirdGenerationComes(t *testing.T) {
	t.Parallel()
	db, vectors := bothDB(t, store.Fourth), open(t, store.Options{})
	for _, x := range []*store.DB{db, vectors} {
		c := defaults(t, x)
		for n := range 3 {
			save(t, x, c, "d", fmt.Sprintf(`{"n":%d}`, n))
		}
		phone := revision.NewVersion(revision.Next(0, time.Now())+1<<20, revision.SourceFrom([16]byte{9}))
		rev := revision.EditVersion(get(t, x, c, "d").Rev, phone.Time(), phone.Source())
		if _, err := receiveBoth(t, x, store.Incoming{ID: "d", Rev: rev, Body: []byte(`{"n":9}`)}); err != nil {
			t.Fatal(err)
		}
		if h := get(t, x, c, "d").Rev.History; len(h.Ancestors)+len(h.Superseded)+len(h.Names) > 0 || len(h.Previous) != 1 {
			t.Errorf("%s: the row's history is %s, want one version", x.Versioning(), h)
		}
	}
}

// What a peer says must be storable, and must leave room.
func TestNamesThatCannotBeKeptAreRefused(t *testing.T) {
	t.Parallel()
	db := bothDB(t, store.Third)
	future := revision.NewVersion(revision.Next(0, time.Now().Add(time.Hour)), revision.SourceFrom([16]byte{9}))
	for name, rev := range map[string]revision.Rev{
		"a generation without a version of its own": {ID: revision.NewTree(both.MaxGeneration+1, "aa")},
		"a generation near the last":                {ID: revision.NewTree(revision.MaxGeneration-1, "aa")},
		"a version from the future":                 {ID: both.Embed(2, future)},
		"one among the ancestors":                   {ID: "3-aa", History: revision.History{Ancestors: []revision.ID{both.Embed(2, future)}}},
		"a version from before all time":            {ID: both.Embed(2, revision.NewVersion(1, future.Source()))},
	} {
		_, err := receiveBoth(t, db, store.Incoming{ID: name, Rev: rev})
		if !errors.Is(err, fault.BadRevisionID) {
			t.Errorf("%s: got %v, want a bad revision ID", name, err)
		}
		if get(t, db, defaults(t, db), name) != nil {
			t.Errorf("%s: it is stored", name)
		}
	}
	sound(t, db)
}

// The same content under another name is no edit: a client of the third generation that has made it gets no
// other revision for it.
func TestTheSameContentIsNoEdit(t *testing.T) {
	t.Parallel()
	db := bothDB(t, store.Third)
	c := defaults(t, db)
	before := save(t, db, c, "d", `{"n":1}`)
	child := revision.EditTree(treeOf(t, db, "d"), false, []byte(`{"n":1}`))
	if o, err := receiveBoth(t, db, store.Incoming{ID: "d", Rev: child, Body: []byte(`{"n":1}`)}); o != store.AlreadyKnown || err != nil {
		t.Fatalf("got %v, %v, want a revision that is known", o, err)
	}
	after := get(t, db, c, "d")
	h := both.HeadOf(after.Rev)
	if after.Rev.ID != before.Rev.ID || !h.Is(child.ID) || after.TreeID().Generation() <= child.ID.Generation() {
		t.Errorf("the head is %s %v, want %s above %s", after.Rev.ID, h.Chain(), before.Rev.ID, child.ID)
	}
	sound(t, db)
}

// A conflict of an edit of each generation is kept, and its outcome has seen both.
func TestAConflictOfBothGenerationsIsResolved(t *testing.T) {
	t.Parallel()
	for name, winner := range map[string]store.Winner{"local": store.LocalWins, "remote": store.RemoteWins, "merge": store.Merged} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := bothDB(t, store.Third)
			c, phone := defaults(t, db), remote(t, db, "ws://phone/db")
			save(t, db, c, "d", `{"n":1}`)
			theirs := revision.EditTree(treeOf(t, db, "d"), false, []byte(`{"by":"phone"}`))
			theirs = revision.EditTree(theirs, false, []byte(`{"by":"phone again"}`))
			ours := save(t, db, c, "d", `{"by":"us"}`)
			in := store.Incoming{ID: "d", Rev: theirs, Body: []byte(`{"by":"phone again"}`), Remote: phone}
			if o, err := receiveBoth(t, db, in); o != store.Conflicted || err != nil {
				t.Fatalf("got %v, %v, want a conflict", o, err)
			}
			in.Remote = 0
			if _, err := receiveBoth(t, db, in); !errors.Is(err, fault.Conflict) {
				t.Errorf("a client's push into the conflict: got %v, want a conflict", err)
			}
			update(t, db, func(tx *store.Tx) error {
				_, err := tx.Resolve(c, store.Resolution{
					ID: "d", Remote: phone, Local: ours.Rev.ID, Winner: winner, Body: []byte(`{"by":"both"}`),
				})
				return err
			})
			after := get(t, db, c, "d")
			h := both.HeadOf(after.Rev)
			if !h.Seen(theirs.ID) || !h.Covers(both.HeadOf(ours.Rev)) || after.Conflicted {
				t.Errorf("%s %v has not seen %s and %s", after.Rev.ID, h.Chain(), ours.Rev.ID, theirs.ID)
			}
			if !h.Is(theirs.ID) && h.Chain()[0].Generation() <= theirs.ID.Generation() {
				t.Errorf("%s is not above %s", h.Chain()[0], theirs.ID)
			}
			sound(t, db)
		})
	}
}

// Another name of the head is noted without an edit; only a higher one is told to others.
func TestNamesAreLearnt(t *testing.T) {
	t.Parallel()
	db := bothDB(t, store.Third)
	c := defaults(t, db)
	save(t, db, c, "d", `{"n":1}`)
	before := save(t, db, c, "d", `{"n":2}`)
	learn := func(tree revision.ID) *store.Document {
		update(t, db, func(tx *store.Tx) error { return tx.Learn(c, "d", tree, 0) })
		return get(t, db, c, "d")
	}
	if got := learn(both.Embed(1, before.Rev.ID)); got.Sequence != before.Sequence || got.Rev.ID != before.Rev.ID {
		t.Errorf("a lower name has made %s@%d of %s@%d", got.Rev.ID, got.Sequence, before.Rev.ID, before.Sequence)
	}
	higher := both.Embed(7, before.Rev.ID)
	if got := learn(higher); got.Sequence == before.Sequence || got.TreeID() != higher || got.Rev.ID != before.Rev.ID {
		t.Errorf("a higher name has made %s %s@%d, want %s under %s at a new sequence", got.Rev.ID, got.TreeID(), got.Sequence,
			before.Rev.ID, higher)
	}
	if got := learn("9-aaaa"); got.TreeID() != higher {
		t.Errorf("a name of another revision has made %s of %s", got.TreeID(), higher)
	}
	update(t, db, func(tx *store.Tx) error { return tx.Learn(c, "missing", higher, 0) })
	sound(t, db)
}
