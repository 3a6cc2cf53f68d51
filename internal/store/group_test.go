package store_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/storetest"
	"github.com/tandemdb/tandem/internal/testsize"
)

// TestWhatGoesBeforeInAGroupLeavesTheCountersToBeSaved cuts off or undoes transactions of a group.
// The next transaction must still save its sequences.
func TestWhatGoesBeforeInAGroupLeavesTheCountersToBeSaved(t *testing.T) {
	for n := 2; n < 8; n++ {
		db := open(t, store.Options{})
		c := defaults(t, db)
		save(t, db, c, "before", `{}`)
		var after *store.Document
		inOneGroup(t, db, storetest.EndAt(background, n), func(tx *store.Tx) error {
			_, _ = tx.Save(c, store.Edit{ID: "cut off"})
			return nil
		}, func(tx *store.Tx) error {
			_, err := tx.Save(c, store.Edit{ID: "undone"})
			return errors.Join(err, errors.New("refused"))
		}, func(tx *store.Tx) (err error) {
			after, err = tx.Save(c, store.Edit{ID: "after"})
			return err
		})
		path := db.Path()
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		again := openAt(t, path, store.Options{})
		sound(t, again)
		if next := save(t, again, c, "next", `{}`); next.Sequence != after.Sequence+1 {
			t.Errorf("question %d: after sequence %d and a reopening, got %d", n, after.Sequence, next.Sequence)
		}
		if get(t, again, c, "next") == nil {
			t.Errorf("question %d: the save succeeded, but stored nothing", n)
		}
	}
}

// inOneGroup has transactions share a commit, in their order. ctx is that of the first one.
func inOneGroup(t *testing.T, db *store.DB, ctx context.Context, fns ...func(*store.Tx) error) {
	t.Helper()
	var all sync.WaitGroup
	proceed := func() {}
	for _, fn := range fns {
		begun, next, own := make(chan struct{}), make(chan struct{}), ctx
		var began sync.Once // an Update whose context has ended never begins
		all.Go(func() {
			defer began.Do(func() { close(begun) })
			_ = db.Update(own, func(tx *store.Tx) error { // the test looks at what is stored
				began.Do(func() { close(begun) })
				<-next
				return fn(tx)
			})
		})
		for range 10 {
			runtime.Gosched() // so that it waits for the writer when the one before ends
		}
		proceed()
		<-begun
		proceed = func() { close(next) }
		ctx = background
	}
	proceed()
	all.Wait()
}

// TestADocumentThatCannotBeInsertedIsNotTakenForStored damages the count of sequences, so that the
// next sequence belongs to another document already.
func TestADocumentThatCannotBeInsertedIsNotTakenForStored(t *testing.T) {
	inFolders(t)
	for name, write := range map[string]func(tx *store.Tx, c *store.Collection) error{
		"save": func(tx *store.Tx, c *store.Collection) error {
			_, err := tx.Save(c, store.Edit{ID: "new"})
			return err
		},
		"save of a known parent": func(tx *store.Tx, c *store.Collection) error {
			_, err := tx.Save(c, store.Edit{ID: "new", Parent: "1-aa"})
			return err
		},
		"receive": func(tx *store.Tx, c *store.Collection) error {
			_, err := tx.Receive(c, store.Incoming{ID: "new", Rev: rev(t, "1-aa", "")})
			return err
		},
		"edit": func(tx *store.Tx, c *store.Collection) error {
			_, err := tx.Save(c, store.Edit{ID: "a", Body: []byte(`{"n":2}`)})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t, store.Options{Versioning: store.RevTrees})
			c := defaults(t, db)
			save(t, db, c, "a", `{}`)
			save(t, db, c, "b", `{}`)
			fileSQL(t, db, `UPDATE collections SET last = 1`)
			err := db.Update(background, func(tx *store.Tx) error { return write(tx, c) })
			if !errors.Is(err, fault.CorruptData) || fault.HintOf(err) == "" {
				t.Errorf("got %v, want an error that says the file is damaged", err)
			}
		})
	}
}

// TestCountersAreWhatTheTablesHave runs random transactions that fail or succeed, alone and in
// groups, through two handles of one database.
func TestCountersAreWhatTheTablesHave(t *testing.T) {
	testsize.Check(t, func(rt *rapid.T) {
		db := open(t, store.Options{})
		other := openAt(t, db.Path(), store.Options{})
		c := defaults(t, db)
		last := store.Sequence(0)
		rt.Repeat(map[string]func(*rapid.T){
			"": func(rt *rapid.T) {
				for _, problem := range problems(t, db) {
					rt.Error(problem)
				}
			},
			"update": func(rt *rapid.T) {
				on := rapid.SampledFrom([]*store.DB{db, other}).Draw(rt, "handle")
				fails := rapid.Bool().Draw(rt, "fails")
				n := rapid.IntRange(0, 3).Draw(rt, "documents")
				at := last
				err := on.Update(background, func(tx *store.Tx) error {
					for range n {
						d, err := tx.Save(c, store.Edit{ID: fmt.Sprint(rapid.IntRange(0, 9).Draw(rt, "id"))})
						if err != nil {
							return err
						}
						if d.Sequence != at+1 {
							rt.Errorf("got sequence %d after %d", d.Sequence, at)
						}
						at = d.Sequence
					}
					if fails {
						return errors.New("refused")
					}
					return nil
				})
				if (err != nil) != fails {
					rt.Errorf("got error %v", err)
				}
				if !fails {
					last = at
				}
			},
		})
	})
}
