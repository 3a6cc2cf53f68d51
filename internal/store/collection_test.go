package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// incarnation is a collection from its creation to its deletion.
type incarnation struct {
	c    *store.Collection
	docs map[string]store.Sequence
	last store.Sequence
}

// TestCollectionsAgreeWithAModel creates, fills and deletes collections of a few names at random,
// through two handles.
func TestCollectionsAgreeWithAModel(t *testing.T) {
	testsize.Check(t, func(rt *rapid.T) {
		db := open(t, store.Options{})
		other := openAt(t, db.Path(), store.Options{})
		live := map[string]*incarnation{"_default._default": {c: defaults(t, db), docs: map[string]store.Sequence{}}}
		var gone []*store.Collection
		for range rapid.IntRange(1, 15).Draw(rt, "steps") {
			on := rapid.SampledFrom([]*store.DB{db, other}).Draw(rt, "handle")
			name := rapid.SampledFrom([]string{"_default._default", "shop.items", "shop.orders", "_default.items"}).Draw(rt, "name")
			at := live[name]
			switch step := rapid.SampledFrom([]string{"create", "save", "save", "purge", "delete"}).Draw(rt, "step"); {
			case step == "create":
				live[name] = createAgain(rt, on, name, at)
			case step == "delete":
				if deleteAgain(rt, on, name, at) {
					gone = append(gone, at.c)
					delete(live, name)
				}
			case at != nil:
				at.change(rt, on, step)
			}
			for _, db := range []*store.DB{db, other} {
				compareCollections(rt, db, live, gone)
			}
		}
		sound(t, db)
	})
}

// createAgain creates a collection; an existing collection must stay the same.
func createAgain(t *rapid.T, db *store.DB, name string, at *incarnation) *incarnation {
	scope, short, _ := strings.Cut(name, ".")
	c, err := db.CreateCollection(background, scope, short)
	if err != nil || c.FullName() != name {
		t.Fatalf("create %s: got %v, %v", name, c, err)
	}
	if at != nil {
		return at
	}
	return &incarnation{c: c, docs: map[string]store.Sequence{}}
}

// deleteAgain deletes a collection, and reports whether it existed and could be deleted.
func deleteAgain(t *rapid.T, db *store.DB, name string, at *incarnation) bool {
	scope, short, _ := strings.Cut(name, ".")
	err := db.DeleteCollection(background, scope, short)
	switch {
	case name == "_default._default":
		if !errors.Is(err, fault.Invalid) {
			t.Errorf("delete %s: got %v", name, err)
		}
		return false
	case at == nil:
		if !errors.Is(err, fault.NotFound) {
			t.Errorf("delete %s, which is not there: got %v", name, err)
		}
		return false
	case err != nil:
		t.Fatalf("delete %s: %v", name, err)
	}
	return true
}

// change saves or purges a document. The sequences of a collection are its own.
func (at *incarnation) change(t *rapid.T, db *store.DB, step string) {
	id := rapid.SampledFrom([]string{"a", "b"}).Draw(t, "id")
	err := db.Update(background, func(tx *store.Tx) error {
		if step == "purge" {
			return tx.Purge(at.c, id)
		}
		d, err := tx.Save(at.c, store.Edit{ID: id})
		if err == nil {
			if at.last++; d.Sequence != at.last {
				t.Errorf("%s/%s: got sequence %d, want %d", at.c.FullName(), id, d.Sequence, at.last)
			}
			at.docs[id] = d.Sequence
		}
		return err
	})
	if _, exists := at.docs[id]; step == "purge" && !exists {
		if !errors.Is(err, fault.NotFound) {
			t.Errorf("purge of nothing: got %v", err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	if step == "purge" {
		delete(at.docs, id)
	}
}

func compareCollections(t *rapid.T, db *store.DB, live map[string]*incarnation, gone []*store.Collection) {
	err := db.View(background, func(tx *store.Tx) error {
		all, err := tx.Collections()
		var got, want []string
		for _, c := range all {
			got = append(got, c.FullName())
		}
		for name, at := range live {
			want = append(want, name)
			n, err := tx.Count(at.c)
			last, err2 := tx.LastSequence(at.c)
			if err != nil || err2 != nil || n != uint64(len(at.docs)) || last != at.last {
				t.Errorf("%s: got %d documents, last %d, %v, %v, want %+v", name, n, last, err, err2, at)
			}
			for id, seq := range at.docs {
				if d, err := tx.Head(at.c, id); err != nil || d.Sequence != seq {
					t.Errorf("%s/%s: got %+v, %v, want sequence %d", name, id, d, err, seq)
				}
			}
		}
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("got collections %v, want %v", got, want)
		}
		for _, c := range gone {
			_, err := tx.Head(c, "a")
			_, err2 := tx.Count(c)
			if !errors.Is(err, fault.NotFound) || !errors.Is(err2, fault.NotFound) {
				t.Errorf("%s, which was deleted: got %v, %v", c.FullName(), err, err2)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestADeletedCollectionIsRefusedByName calls each method with a deleted collection.
func TestADeletedCollectionIsRefusedByName(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{})
	c, err := db.CreateCollection(background, "shop", "items")
	if err != nil {
		t.Fatal(err)
	}
	d := save(t, db, c, "a", `{}`)
	peer := remote(t, db, "wss://peer/db")
	deleteItems(t, db, c)
	for name, use := range map[string]func(*store.Tx) error{
		"Save":        func(tx *store.Tx) error { _, err := tx.Save(c, store.Edit{ID: "a"}); return err },
		"Save parent": func(tx *store.Tx) error { _, err := tx.Save(c, store.Edit{ID: "a", Parent: d.Rev.ID}); return err },
		"Receive":     func(tx *store.Tx) error { _, err := tx.Receive(c, store.Incoming{ID: "b", Rev: d.Rev}); return err },
		"Restore":     func(tx *store.Tx) error { _, err := tx.Restore(c, store.Restored{ID: "a"}); return err },
		"Resolve":     func(tx *store.Tx) error { _, err := tx.Resolve(c, store.Resolution{ID: "a"}); return err },
		"Purge":       func(tx *store.Tx) error { return tx.Purge(c, "a") },
		"SetExpiry":   func(tx *store.Tx) error { return tx.SetExpiry(c, "a", tx.Now()) },
		"MarkKnown":   func(tx *store.Tx) error { return tx.MarkKnown(c, "a", peer, d.Rev.ID) },
		"Document":    func(tx *store.Tx) error { _, err := tx.Document(c, "a"); return err },
		"Heads":       func(tx *store.Tx) error { _, err := tx.Heads(c, []string{"a"}); return err },
		"Scan":        func(tx *store.Tx) error { _, err := tx.Scan(c, store.Range{}, 1, store.Select{}); return err },
		"BySequence":  func(tx *store.Tx) error { _, err := tx.BySequence(c, []store.Sequence{1}); return err },
		"Bodies":      func(tx *store.Tx) error { _, err := tx.Bodies(c, []store.Sequence{1}); return err },
		"Conflicts":   func(tx *store.Tx) error { _, err := tx.Conflicts(c, "", 1); return err },
		"Indexes":     func(tx *store.Tx) error { _, err := tx.Indexes(c); return err },
	} {
		err := db.Update(background, use)
		if !errors.Is(err, fault.NotFound) || strings.Contains(err.Error(), "docs_") {
			t.Errorf("%s: got %v, want an error that says the collection was deleted", name, err)
		}
	}
	sound(t, db)
}

// TestADeletedCollectionLetsGoOfItsBlobs deletes the only collection that refers to a blob.
func TestADeletedCollectionLetsGoOfItsBlobs(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c, err := db.CreateCollection(background, "shop", "items")
	if err != nil {
		t.Fatal(err)
	}
	only, shared := putBlob(t, db, "only"), putBlob(t, db, "shared")
	save(t, db, c, "a", blobBody(only))
	save(t, db, c, "b", blobBody(shared))
	save(t, db, defaults(t, db), "b", blobBody(shared))
	deleteItems(t, db, c)
	if err := db.Compact(background); err != nil {
		t.Fatal(err)
	}
	if db.HasBlob(only) || !db.HasBlob(shared) {
		t.Errorf("the blob of the deleted collection is here: %t, the shared one: %t", db.HasBlob(only), db.HasBlob(shared))
	}
	sound(t, db)
}

// TestCollectionNamesAreThoseOfTheRules checks that the store accepts exactly the names that
// document.CheckCollectionName accepts.
func TestCollectionNamesAreThoseOfTheRules(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{})
	name := rapid.StringMatching(`[_%a-zA-Z0-9.-]{0,4}`)
	testsize.Check(t, func(rt *rapid.T) {
		scope, short := name.Draw(rt, "scope"), name.Draw(rt, "name")
		want := document.CheckCollectionName(scope, short)
		c, err := db.CreateCollection(background, scope, short)
		inErr := db.Update(background, func(tx *store.Tx) error { _, err := tx.CreateCollection(scope, short); return err })
		if (err == nil) != (want == nil) || (inErr == nil) != (want == nil) {
			rt.Errorf("%q.%q: got %v and %v, want %v", scope, short, err, inErr, want)
		}
		if err == nil && (c.Scope() != scope || c.Name() != short || c.FullName() != fmt.Sprintf("%s.%s", scope, short)) {
			rt.Errorf("%q.%q is called %s", scope, short, c.FullName())
		}
	})
	sound(t, db)
}

// Of many collections, each costs as much to create as the first ones: nobody reads the schema of all of them.
func TestEachCollectionCostsTheSameToCreate(t *testing.T) {
	t.Parallel()
	disk := newDisk(t)
	db := open(t, store.Options{Disk: disk})
	created := 0
	create := func(n int) (read int64) {
		before := disk.BytesRead()
		for range n {
			if _, err := db.CreateCollection(background, "shop", fmt.Sprint("c", created)); err != nil {
				t.Fatal(err)
			}
			created++
		}
		return disk.BytesRead() - before
	}
	create(5) // opens a reader, and fills the writer's cache
	first := create(20)
	create(75)
	if late := create(20); late > 2*first+100_000 {
		t.Errorf("20 collections after %d others read %d bytes, want about the %d bytes of the first 20", created-20, late, first)
	}
	again, err := db.CreateCollection(background, "shop", "c7")
	if err != nil || again.FullName() != "shop.c7" {
		t.Errorf("an existing collection: got %v, %v", again, err)
	}
	if all, err := db.Collections(background); err != nil || len(all) != created+1 {
		t.Errorf("there are %d collections, %v; want %d and the default one", len(all), err, created)
	}
}

// The writer remembers counters. It forgets those of a deleted collection: in the transaction that deletes it, in
// others of the same group, and later; but not when the deletion is undone.
func TestADeletedCollectionHasNoCounters(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{})
	c, err := db.CreateCollection(background, "shop", "items")
	if err != nil {
		t.Fatal(err)
	}
	save(t, db, c, "a", `{}`)
	gone := func(when string) func(*store.Tx) error {
		return func(tx *store.Tx) error {
			last, err := tx.LastSequence(c)
			if !errors.Is(err, fault.NotFound) {
				t.Errorf("%s: the last sequence is %d, %v, want %v", when, last, err, fault.NotFound)
			}
			if n, err := tx.Count(c); !errors.Is(err, fault.NotFound) {
				t.Errorf("%s: there are %d documents, %v, want %v", when, n, err, fault.NotFound)
			}
			if _, err := tx.Save(c, store.Edit{ID: "b"}); !errors.Is(err, fault.NotFound) {
				t.Errorf("%s: an edit ends with %v, want %v", when, err, fault.NotFound)
			}
			return nil
		}
	}
	remove := func(then func(*store.Tx) error) func(*store.Tx) error {
		return func(tx *store.Tx) error { return errors.Join(store.DeleteCollectionIn(tx, c), then(tx)) }
	}
	inOneGroup(t, db, background,
		remove(func(*store.Tx) error { return errors.New("undone") }),
		func(tx *store.Tx) error {
			if last, err := tx.LastSequence(c); last != 1 || err != nil {
				t.Errorf("after a deletion that was undone: the last sequence is %d, %v, want 1", last, err)
			}
			return nil
		},
		remove(gone("in the same transaction")),
		gone("in the same group"),
	)
	update(t, db, gone("later"))
	sound(t, db)
}
