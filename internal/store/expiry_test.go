package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// TestWhatAnExpiryOutlives checks which changes of a document keep its expiry.
func TestWhatAnExpiryOutlives(t *testing.T) {
	for _, v := range bothVersionings {
		for name, tt := range map[string]struct {
			change func(t *testing.T, x conflicted)
			ends   bool
		}{
			"a save":                  {change: func(t *testing.T, x conflicted) { save(t, x.db, x.c, "a", `{"n":1}`) }},
			"a touch":                 {change: func(t *testing.T, x conflicted) { resolveFor(t, x, store.LocalWins); touchHead(t, x) }},
			"a resolution for local":  {change: func(t *testing.T, x conflicted) { resolveFor(t, x, store.LocalWins) }},
			"a resolution for remote": {change: func(t *testing.T, x conflicted) { resolveFor(t, x, store.RemoteWins) }},
			"a merge":                 {change: func(t *testing.T, x conflicted) { resolveFor(t, x, store.Merged) }},
			"news of a remote": {change: func(t *testing.T, x conflicted) {
				update(t, x.db, func(tx *store.Tx) error { return tx.MarkKnown(x.c, "a", x.with+1, x.local.Rev.ID) })
			}},
			"a deletion": {ends: true, change: func(t *testing.T, x conflicted) {
				if _, err := trySave(x.db, x.c, store.Edit{ID: "a", Deleted: true}); err != nil {
					t.Fatal(err)
				}
			}},
			"a save after a deletion": {ends: true, change: func(t *testing.T, x conflicted) {
				if _, err := trySave(x.db, x.c, store.Edit{ID: "a", Deleted: true}); err != nil {
					t.Fatal(err)
				}
				save(t, x.db, x.c, "a", `{}`)
			}},
			"a purge": {ends: true, change: func(t *testing.T, x conflicted) {
				purgeDoc(t, x.db, x.c)
				save(t, x.db, x.c, "a", `{}`)
			}},
			"never": {ends: true, change: func(t *testing.T, x conflicted) {
				update(t, x.db, func(tx *store.Tx) error { return tx.SetExpiry(x.c, "a", time.Time{}) })
			}},
		} {
			t.Run(string(v)+"/"+name, func(t *testing.T) {
				t.Parallel()
				x := makeConflict(t, v, false)
				at := time.Now().Add(time.Hour)
				update(t, x.db, func(tx *store.Tx) error { return tx.SetExpiry(x.c, "a", at) })
				tt.change(t, x)
				want := at.Truncate(time.Millisecond)
				if tt.ends {
					want = time.Time{}
				}
				if got := get(t, x.db, x.c, "a").Expiry; !got.Equal(want) {
					t.Errorf("got expiry %v, want %v", got, want)
				}
				sound(t, x.db)
			})
		}
	}
}

func resolveFor(t *testing.T, x conflicted, w store.Winner) {
	t.Helper()
	if _, err := x.resolve(store.Resolution{Winner: w, Body: []byte(`{"merged":1}`)}); err != nil {
		t.Fatal(err)
	}
}

func touchHead(t *testing.T, x conflicted) {
	t.Helper()
	head := get(t, x.db, x.c, "a").Rev.ID
	update(t, x.db, func(tx *store.Tx) error { return tx.Touch(x.c, "a", head) })
	if get(t, x.db, x.c, "a").Rev.ID == head {
		t.Error("the head was not touched")
	}
}

// TestAnExpiredDocumentIsNotThere checks that every method treats an expired document as missing
// before it is purged.
func TestAnExpiredDocumentIsNotThere(t *testing.T) {
	x := makeConflict(t, store.VersionVectors, false)
	err := x.db.Update(background, func(tx *store.Tx) error {
		if err := tx.SetExpiry(x.c, "a", tx.Now()); err != nil {
			return err
		}
		for name, use := range map[string]func() error{
			"Document":   func() error { _, err := tx.Document(x.c, "a"); return err },
			"Head":       func() error { _, err := tx.Head(x.c, "a"); return err },
			"BodyOf":     func() error { _, err := tx.BodyOf(x.c, "a", x.local.Rev.ID); return err },
			"ConflictOf": func() error { _, err := tx.ConflictOf(x.c, "a"); return err },
			"Resolve": func() error {
				_, err := tx.Resolve(x.c, store.Resolution{ID: "a", Remote: x.with, Local: x.local.Rev.ID})
				return err
			},
			"SetExpiry": func() error { return tx.SetExpiry(x.c, "a", time.Time{}) },
			"Save deleted": func() error {
				_, err := tx.Save(x.c, store.Edit{ID: "a", Deleted: true})
				return err
			},
		} {
			if err := use(); !errors.Is(err, fault.NotFound) {
				t.Errorf("%s: got %v, want %v", name, err, fault.NotFound)
			}
		}
		list, err := tx.Conflicts(x.c, "", 10)
		if len(list) > 0 {
			t.Errorf("the conflict is listed: %+v", list)
		}
		return errors.Join(err, tx.Touch(x.c, "a", x.local.Rev.ID), errRollback)
	})
	if !errors.Is(err, errRollback) {
		t.Error(err)
	}
	if get(t, x.db, x.c, "a") == nil {
		t.Error("the document is gone, though the transaction failed")
	}
	sound(t, x.db)
}

// TestManyExpireAtOnce purges more than one batch, in all collections, and reports each purge.
func TestManyExpireAtOnce(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{})
	items, err := db.CreateCollection(background, "shop", "items")
	if err != nil {
		t.Fatal(err)
	}
	sub := db.Subscribe(items)
	defer sub.Close()
	const n = 600 // a batch has 500
	update(t, db, func(tx *store.Tx) error {
		for _, c := range []*store.Collection{items, defaults(t, db)} {
			for i := range n {
				id := fmt.Sprint(i)
				if _, err := tx.Save(c, store.Edit{ID: id}); err != nil {
					return err
				}
				if err := tx.SetExpiry(c, id, tx.Now()); err != nil {
					return err
				}
			}
		}
		return nil
	})
	told := map[string]bool{}
	wait(t, sub, func() bool {
		for _, p := range sub.Purged() {
			if p.Collection.FullName() != items.FullName() || told[p.ID] {
				t.Errorf("told of %s/%s", p.Collection.FullName(), p.ID)
			}
			told[p.ID] = true
		}
		return len(told) == n
	})
	if got := count(t, db, items) + count(t, db, defaults(t, db)); got != 0 {
		t.Errorf("%d documents are left", got)
	}
	sound(t, db)
}

// TestTouchedDocumentsKeepEachItsOwnExpiry writes rows with and without an expiry, one after the other.
func TestTouchedDocumentsKeepEachItsOwnExpiry(t *testing.T) {
	db := open(t, store.Options{})
	c := defaults(t, db)
	at := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	wanted := map[string]time.Time{"a": {}, "b": at, "c": {}}
	for id := range wanted {
		save(t, db, c, id, `{}`)
	}
	update(t, db, func(tx *store.Tx) error { return tx.SetExpiry(c, "b", at) })
	update(t, db, func(tx *store.Tx) error {
		for _, id := range []string{"a", "b", "c"} {
			head, err := tx.Head(c, id)
			if err != nil {
				return err
			}
			if err := tx.Touch(c, id, head.Rev.ID); err != nil {
				return err
			}
		}
		return nil
	})
	for id, want := range wanted {
		if d := get(t, db, c, id); d.Sequence <= 3 || !d.Expiry.Equal(want) {
			t.Errorf("%s expires at %v, want %v", id, d.Expiry, want)
		}
	}
	sound(t, db)
}
