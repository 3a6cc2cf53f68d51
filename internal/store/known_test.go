package store_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// TestKnownAgreesWithAMap compares the text in a row with a map from remotes to revisions.
func TestKnownAgreesWithAMap(t *testing.T) {
	testsize.Check(t, func(t *rapid.T) {
		var k store.Known
		model := map[store.Remote]revision.ID{}
		own := revision.ID("1-a")
		drawRev := func() revision.ID {
			return revision.ID(fmt.Sprintf("%d-%c", rapid.IntRange(1, 4).Draw(t, "generation"), rapid.RuneFrom([]rune("ab")).Draw(t, "digest")))
		}
		t.Repeat(map[string]func(*rapid.T){
			"with": func(t *rapid.T) {
				r, rev := store.Remote(rapid.IntRange(1, 12).Draw(t, "remote")), drawRev()
				k, model[r] = k.With(r, rev, own), rev
			},
			"with own": func(t *rapid.T) {
				r := store.Remote(rapid.IntRange(1, 12).Draw(t, "remote"))
				k, model[r] = k.With(r, own, own), own
			},
			"moved": func(*rapid.T) {
				to := drawRev()
				k, own = k.Moved(own, to), to
			},
			"": func(t *rapid.T) {
				named := map[revision.ID]bool{}
				for r := store.Remote(1); r <= 12; r++ {
					if got := k.Of(r, own); got != model[r] {
						t.Fatalf("%q, row %s: remote %d has %q, want %q", k, own, r, got, model[r])
					}
					named[model[r]] = true
				}
				for rev := range named {
					if rev != "" && !k.Names(rev, own) {
						t.Fatalf("%q, row %s: %s is not named", k, own, rev)
					}
				}
				if k.Names("9-z", own) {
					t.Fatalf("%q names what nobody has", k)
				}
			},
		})
	})
}

func TestDamagedKnownIsNotFatal(t *testing.T) {
	for text, want := range map[store.Known]revision.ID{
		"": "", "x": "", "x=1-a 3": "1-own", "3=": "", "3=1-a=b": "1-a=b", " 3 ": "1-own", "99999999999999999999 3=1-a": "1-a",
	} {
		if got := text.Of(3, "1-own"); got != want {
			t.Errorf("%q: remote 3 has %q, want %q", text, got, want)
		}
	}
}

// TestMarkKnown marks revisions of a document with a base, a head and a conflict, in both versionings.
func TestMarkKnown(t *testing.T) {
	for _, v := range bothVersionings {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			x := makeConflict(t, v, false)
			base := knownBase(t, x)
			other := remote(t, x.db, "wss://other/db")
			mark := func(r store.Remote, id revision.ID) {
				t.Helper()
				update(t, x.db, func(tx *store.Tx) error { return tx.MarkKnown(x.c, "a", r, id) })
			}
			before := get(t, x.db, x.c, "a")
			mark(other, base)
			mark(other, base)
			d := get(t, x.db, x.c, "a")
			if d.Known(other) != base || d.Known(x.with) != x.theirs.ID || !d.Conflicted {
				t.Errorf("others are known to have %s and %s, conflict %t", d.Known(other), d.Known(x.with), d.Conflicted)
			}
			mark(other, d.Rev.ID)
			if got := get(t, x.db, x.c, "a"); !got.Conflicted || got.Sequence != before.Sequence || got.Rev.ID != before.Rev.ID {
				t.Errorf("another remote's news: got %+v", got)
			}
			mark(x.with, x.theirs.ID)
			if got := get(t, x.db, x.c, "a"); !got.Conflicted {
				t.Error("what the remote has in conflict has ended the conflict")
			}
			sound(t, x.db)
		})
	}
}

// knownBase returns the base of the conflict.
func knownBase(t *testing.T, x conflicted) (base revision.ID) {
	t.Helper()
	view(t, x.db, func(tx *store.Tx) error {
		d, err := tx.Document(x.c, "a")
		if err != nil {
			return err
		}
		history := append(d.Rev.History.Previous, d.Rev.History.Ancestors...)
		base = history[len(history)-1]
		body, err := tx.BodyOf(x.c, "a", base)
		if string(body) != `{"base":1}` {
			t.Errorf("the base is %s", body)
		}
		return err
	})
	return base
}

// TestTakingTheHeadEndsTheConflict covers a remote that had a conflicting revision and then took
// ours.
func TestTakingTheHeadEndsTheConflict(t *testing.T) {
	for _, v := range bothVersionings {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			x := makeConflict(t, v, false)
			taken := x.local.Rev
			taken.History.Ancestors = append(taken.History.Ancestors, x.theirs.ID) // the remote's history now
			if v == store.VersionVectors {
				taken = revision.Absorb(x.local.Rev, x.theirs)
			}
			update(t, x.db, func(tx *store.Tx) error { return tx.MarkTaken(x.c, "a", x.with, taken, x.theirs.ID) })
			if got := get(t, x.db, x.c, "a"); got.Known(x.with) != x.local.Rev.ID {
				t.Errorf("the remote is known to have %s, want %s", got.Known(x.with), x.local.Rev.ID)
			}
			sound(t, x.db)
		})
	}
}

func TestMarksOfNothing(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{})
	c, peer := defaults(t, db), remote(t, db, "wss://peer/db")
	d := save(t, db, c, "a", `{}`)
	for name, tt := range map[string]struct {
		mark func(*store.Tx) error
		want *fault.Error
	}{
		"no remote":               {func(tx *store.Tx) error { return tx.MarkKnown(c, "a", 0, d.Rev.ID) }, fault.Invalid},
		"no revision":             {func(tx *store.Tx) error { return tx.MarkKnown(c, "a", peer, "") }, fault.Invalid},
		"no remote has taken it":  {func(tx *store.Tx) error { return tx.MarkTaken(c, "a", 0, d.Rev, "") }, fault.Invalid},
		"no remote took a run":    {func(tx *store.Tx) error { _, err := tx.MarkRunTaken(c, 0, 1, 1); return err }, fault.Invalid},
		"a run without sequences": {func(tx *store.Tx) error { _, err := tx.MarkRunTaken(c, peer, 2, 1); return err }, fault.Invalid},
		"no document":             {func(tx *store.Tx) error { return tx.MarkKnown(c, "none", peer, d.Rev.ID) }, nil},
		"no document was taken":   {func(tx *store.Tx) error { return tx.MarkTaken(c, "none", peer, d.Rev, "") }, nil},
		"no document to touch":    {func(tx *store.Tx) error { return tx.Touch(c, "none", d.Rev.ID) }, nil},
		"another revision":        {func(tx *store.Tx) error { return tx.Touch(c, "a", "1-abc") }, nil},
		"no document of that day": {func(tx *store.Tx) error { return tx.SetExpiry(c, "none", tx.Now()) }, fault.NotFound},
	} {
		err := db.Update(background, tt.mark)
		if tt.want == nil && err != nil || tt.want != nil {
			if tt.want == nil {
				t.Errorf("%s: got %v", name, err)
			} else {
				wantFault(t, err, tt.want)
			}
		}
	}
	if got := get(t, db, c, "a"); got.Sequence != 1 || got.Known(peer) != "" || got.Rev.ID != d.Rev.ID {
		t.Errorf("got %+v", got)
	}
	sound(t, db)
}

// TestTouchHeedsTheState checks which fields Touch keeps, and which documents it leaves alone.
func TestTouchHeedsTheState(t *testing.T) {
	for _, v := range bothVersionings {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			x := makeConflict(t, v, false)
			touch := func(id string) (before, after *store.Document) {
				t.Helper()
				before = get(t, x.db, x.c, id)
				update(t, x.db, func(tx *store.Tx) error { return tx.Touch(x.c, id, before.Rev.ID) })
				return before, get(t, x.db, x.c, id)
			}
			if before, after := touch("a"); after.Rev.ID != before.Rev.ID || !after.Conflicted {
				t.Errorf("a document in conflict was touched: %+v", after)
			}
			save(t, x.db, x.c, "gone", `{}`)
			if _, err := trySave(x.db, x.c, store.Edit{ID: "gone", Deleted: true, Body: []byte(`{"why":1}`)}); err != nil {
				t.Fatal(err)
			}
			before, after := touch("gone")
			if !after.Deleted || string(after.Body) != `{"why":1}` || after.Rev.ID == before.Rev.ID {
				t.Errorf("a tombstone: got %+v after %+v", after, before)
			}
			save(t, x.db, x.c, "blob", blobBody(putBlob(t, x.db, "content")))
			update(t, x.db, func(tx *store.Tx) error { return tx.MarkKnown(x.c, "blob", x.with, get(t, x.db, x.c, "blob").Rev.ID) })
			before, after = touch("blob")
			if !after.HasBlobs || after.Known(x.with) != before.Rev.ID || !after.Rev.Contains(before.Rev.ID) {
				t.Errorf("a document with a blob: got %+v after %+v", after, before)
			}
			if after.Sequence != before.Sequence+1 {
				t.Errorf("sequence %d after %d", after.Sequence, before.Sequence)
			}
			sound(t, x.db)
		})
	}
}
