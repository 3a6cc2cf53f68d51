package store_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

func TestFailureUndoesOwnChangesOnly(t *testing.T) {
	db := open(t, store.Options{})
	c := defaults(t, db)
	hold := make(chan struct{})
	var all sync.WaitGroup
	results := make([]error, 30)
	all.Go(func() { // holds the writer, so that the others share the next commits
		results[0] = db.Update(t.Context(), func(tx *store.Tx) error {
			<-hold
			_, err := tx.Save(c, store.Edit{ID: "doc-0"})
			return err
		})
	})
	for i := 1; i < len(results); i++ {
		all.Go(func() {
			results[i] = db.Update(t.Context(), func(tx *store.Tx) error {
				for _, id := range []string{fmt.Sprint("doc-", i), fmt.Sprint("more-", i)} {
					if _, err := tx.Save(c, store.Edit{ID: id}); err != nil {
						return err
					}
				}
				switch i % 3 {
				case 1:
					return errors.New("refused")
				case 2:
					panic("refused")
				}
				return nil
			})
		})
	}
	close(hold)
	all.Wait()
	for i, err := range results {
		if failed := err != nil; failed != (i%3 != 0) {
			t.Errorf("update %d: got error %v", i, err)
		}
		if stored := get(t, db, c, fmt.Sprint("doc-", i)) != nil; stored != (i%3 == 0) {
			t.Errorf("document %d: stored is %v", i, stored)
		}
	}
	view(t, db, func(tx *store.Tx) error {
		n, err := tx.Count(c)
		last, _ := tx.LastSequence(c)
		if n != 19 || last != 19 {
			t.Errorf("got %d documents, last sequence %d, want 19 of both", n, last)
		}
		return err
	})
	sound(t, db)
}

func TestViewIsASnapshot(t *testing.T) {
	db := open(t, store.Options{})
	c := defaults(t, db)
	save(t, db, c, "a", `{"n":1}`)
	view(t, db, func(tx *store.Tx) error {
		if _, err := tx.Head(c, "a"); err != nil {
			return err
		}
		save(t, db, c, "a", `{"n":2}`)
		save(t, db, c, "b", `{}`)
		d, err := tx.Document(c, "a")
		if err != nil || string(d.Body) != `{"n":1}` {
			t.Errorf("got %v, %v", d, err)
		}
		if _, err := tx.Document(c, "b"); !errors.Is(err, fault.NotFound) {
			t.Errorf("a later document: got %v", err)
		}
		if n, err := tx.Count(c); n != 1 {
			t.Errorf("got %d documents, %v", n, err)
		}
		return nil
	})
}

func TestMisuseOfATransactionIsAnError(t *testing.T) {
	db := open(t, store.Options{})
	c := defaults(t, db)
	var old *store.Tx
	update(t, db, func(tx *store.Tx) error { old = tx; return nil })
	if _, err := old.Head(c, "a"); !errors.Is(err, fault.NotOpen) {
		t.Errorf("a transaction that is over: got %v", err)
	}
	err := db.View(t.Context(), func(tx *store.Tx) error {
		_, err := tx.Save(c, store.Edit{ID: "a"})
		return err
	})
	if !errors.Is(err, fault.NotWriteable) {
		t.Errorf("a save in a view: got %v", err)
	}
	if err := db.View(t.Context(), func(*store.Tx) error { panic("oops") }); !errors.Is(err, fault.Unexpected) {
		t.Errorf("a panic in a view: got %v", err)
	}
	if got := get(t, db, c, "a"); got != nil {
		t.Errorf("got %v", got)
	}
}

func TestContextEndsATransaction(t *testing.T) {
	db := open(t, store.Options{})
	c := defaults(t, db)
	ctx, cancel := context.WithCancel(t.Context())
	err := db.Update(ctx, func(tx *store.Tx) error {
		if _, err := tx.Save(c, store.Edit{ID: "a"}); err != nil {
			return err
		}
		cancel()
		_, err := tx.Save(c, store.Edit{ID: "b"})
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if d := get(t, db, c, "a"); d != nil {
		t.Errorf("the first half was stored: %v", d)
	}
	for range 100 {
		err = db.Update(unhurried{ctx}, func(*store.Tx) error { t.Error("fn ran"); return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	}
	err = db.View(ctx, func(tx *store.Tx) error { _, err := tx.Head(c, "a"); return err })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// unhurried lets other goroutines run before it reports that it is done.
type unhurried struct{ context.Context }

func (c unhurried) Done() <-chan struct{} {
	for range 10 {
		runtime.Gosched()
	}
	return c.Context.Done()
}

func TestCloseWaitsAndRefuses(t *testing.T) {
	db := open(t, store.Options{})
	c := defaults(t, db)
	started, finish := make(chan struct{}), make(chan struct{})
	result := make(chan error)
	go func() {
		result <- db.Update(context.Background(), func(tx *store.Tx) error {
			close(started)
			<-finish
			_, err := tx.Save(c, store.Edit{ID: "late"})
			return err
		})
	}()
	<-started
	sub := db.Subscribe()
	go func() { <-db.Closed(); close(finish) }()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-result; err != nil {
		t.Errorf("the transaction that had begun: %v", err)
	}
	for range sub.C { // ends when the database closes C
	}
	sub.Close()
	if err := db.Close(); err != nil {
		t.Errorf("second close: %v", err)
	}
	if err := db.Update(t.Context(), nil); !errors.Is(err, fault.NotOpen) {
		t.Errorf("update: %v", err)
	}
	if err := db.View(t.Context(), nil); !errors.Is(err, fault.NotOpen) {
		t.Errorf("view: %v", err)
	}
	if _, err := db.BlobWriter(t.Context()); !errors.Is(err, fault.NotOpen) {
		t.Errorf("blob: %v", err)
	}
	late := db.Subscribe()
	if _, open := <-late.C; open {
		t.Error("a subscription to a closed database is open")
	}
	again := openAt(t, db.Path(), store.Options{MustExist: true})
	if get(t, again, defaults(t, again), "late") == nil {
		t.Error("the last document is gone")
	}
}

// sound fails the test if the database has a problem.
func sound(t testing.TB, db *store.DB) {
	t.Helper()
	for _, p := range problems(t, db) {
		t.Errorf("check: %v", p)
	}
}

// problems returns the problems that Check finds.
func problems(t testing.TB, db *store.DB) []store.Problem {
	t.Helper()
	found, err := db.Check(background)
	if err != nil {
		t.Fatal(err)
	}
	return found
}
