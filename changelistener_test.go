package tandem_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
)

// listen collects the IDs that a collection's listener gets.
func listen(t *testing.T, c *tandem.Collection) <-chan string {
	t.Helper()
	ids := make(chan string, 100)
	_, err := c.AddChangeListener(t.Context(), func(change tandem.CollectionChange) {
		if change.Collection != c {
			t.Errorf("a change of %s", change.Collection.FullName())
		}
		for _, id := range change.DocumentIDs {
			ids <- id
		}
	})
	check(t, err)
	return ids
}

func TestACollectionListenerHearsOfEveryKindOfChange(t *testing.T) {
	db := newDatabase(t, tandem.Options{})
	c := defaultIn(t, db)
	elsewhere := defaultIn(t, openAt(t, db.Path(), tandem.Options{}))
	other, err := db.CreateCollection(t.Context(), "s", "other")
	check(t, err)
	save(t, c, "before", `{}`)
	ids := listen(t, c)
	steps := []struct {
		id     string
		change func() error
	}{
		{"new", func() error { return c.Put(t.Context(), "new", struct{}{}) }},
		{"before", func() error { return c.Delete(t.Context(), tandem.NewDocument("before")) }},
		{"foreign", func() error { return elsewhere.Put(t.Context(), "foreign", struct{}{}) }},
		{"new", func() error { return c.Purge(t.Context(), "new") }},
	}
	for _, step := range steps {
		check(t, other.Put(t.Context(), "not mine", struct{}{}))
		check(t, step.change())
		if got := receive(t, "a change of "+step.id, ids); got != step.id {
			t.Errorf("got a change of %s, want %s", got, step.id)
		}
	}
}

func TestASlowListenerHoldsUpNobody(t *testing.T) {
	c := newCollection(t)
	begun, goOn := make(chan struct{}, 10), make(chan struct{})
	calls := make(chan []string, 10)
	_, err := c.AddChangeListener(t.Context(), func(change tandem.CollectionChange) {
		begun <- struct{}{}
		<-goOn
		calls <- change.DocumentIDs
	})
	check(t, err)
	save(t, c, "first", `{}`)
	receive(t, "the first call", begun)
	for range 3 {
		for i := range 5 {
			save(t, c, fmt.Sprint(i), `{}`)
		}
	}
	close(goOn)
	wantIDs(t, "first call", receive(t, "the first call", calls), "first")
	wantIDs(t, "second call", receive(t, "the second call", calls), "0", "1", "2", "3", "4")
}

func TestARemovedListenerIsNotCalled(t *testing.T) {
	c := newCollection(t)
	calls := make(chan tandem.CollectionChange, 10)
	token, err := c.AddChangeListener(t.Context(), func(change tandem.CollectionChange) { calls <- change })
	check(t, err)
	token.Remove()
	token.Remove()
	ids := listen(t, c)
	save(t, c, "a", `{}`)
	receive(t, "the call of another listener", ids)
	check(t, c.Database().Close())
	if len(calls) != 0 {
		t.Errorf("a removed listener was called: %v", <-calls)
	}
}

func TestAListenerMayRemoveItselfAndWrite(t *testing.T) {
	c := newCollection(t)
	var token *tandem.ListenerToken
	ready, done := make(chan struct{}), make(chan struct{})
	token, err := c.AddChangeListener(t.Context(), func(tandem.CollectionChange) {
		<-ready
		token.Remove()
		save(t, c, "b", `{}`)
		close(done) // panics when called twice
	})
	check(t, err)
	close(ready)
	save(t, c, "a", `{}`)
	receive(t, "the call", done)
	wantContents(t, c, map[string]string{"a": `{}`, "b": `{}`})
}

func TestAListenerOutlivesTheContextOfItsStart(t *testing.T) {
	c := newCollection(t)
	ctx, cancel := context.WithCancel(t.Context())
	calls := make(chan tandem.CollectionChange, 10)
	_, err := c.AddChangeListener(ctx, func(change tandem.CollectionChange) { calls <- change })
	check(t, err)
	cancel()
	save(t, c, "a", `{}`)
	receive(t, "the change", calls)
	_, err = c.AddChangeListener(ctx, func(tandem.CollectionChange) {})
	wantError(t, "start with a context that is done", err, context.Canceled)
}

func TestANilListenerIsRefused(t *testing.T) {
	c := newCollection(t)
	_, err := c.AddChangeListener(t.Context(), nil)
	wantError(t, "of a collection", err, tandem.ErrInvalid)
	_, err = c.Database().AddChangeListener(t.Context(), nil)
	wantError(t, "of a database", err, tandem.ErrInvalid)
	_, err = c.AddDocumentChangeListener(t.Context(), "a", nil)
	wantError(t, "of a document", err, tandem.ErrInvalid)
}

func TestADocumentListenerHearsOfItsDocument(t *testing.T) {
	eachVersioning(t, func(t *testing.T, c *tandem.Collection) {
		elsewhere := defaultIn(t, openAt(t, c.Database().Path(), tandem.Options{}))
		calls := make(chan tandem.DocumentChange, 10)
		_, err := c.AddDocumentChangeListener(t.Context(), "a", func(change tandem.DocumentChange) { calls <- change })
		check(t, err)
		steps := map[string]func() error{
			"1 save":             func() error { return c.Put(t.Context(), "a", map[string]int{"n": 1}) },
			"2 save elsewhere":   func() error { return elsewhere.Put(t.Context(), "a", map[string]int{"n": 2}) },
			"3 delete":           func() error { return c.Delete(t.Context(), tandem.NewDocument("a")) },
			"4 save again":       func() error { return c.Put(t.Context(), "a", map[string]int{"n": 4}) },
			"5 purge elsewhere":  func() error { return elsewhere.Purge(t.Context(), "a") },
			"6 save once more":   func() error { return c.Put(t.Context(), "a", map[string]int{"n": 6}) },
			"7 purge as the end": func() error { return c.Purge(t.Context(), "a") },
		}
		for _, name := range slices.Sorted(maps.Keys(steps)) {
			save(t, c, "b", `{}`)
			check(t, steps[name]())
			if got := receive(t, name, calls); got.DocumentID != "a" || got.Collection != c {
				t.Errorf("%s: got %+v", name, got)
			}
		}
		if len(calls) != 0 {
			t.Errorf("there was one call too many: %+v", <-calls)
		}
	})
}

func TestADatabaseListenerHearsOfAllCollections(t *testing.T) {
	db := newDatabase(t, tandem.Options{})
	ctx := t.Context()
	save(t, defaultIn(t, db), "before", `{}`)
	calls := make(chan string, 10)
	_, err := db.AddChangeListener(ctx, func(change tandem.CollectionChange) {
		calls <- change.Collection.FullName() + " " + strings.Join(change.DocumentIDs, " ")
	})
	check(t, err)
	want := func(text string) {
		t.Helper()
		if got := receive(t, text, calls); got != text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
	save(t, defaultIn(t, db), "a", `{}`)
	want("_default._default a")
	c, err := db.CreateCollection(ctx, "s", "new")
	check(t, err)
	save(t, c, "b", `{}`)
	want("s.new b")
	check(t, c.Purge(ctx, "b"))
	want("s.new b")
}

func TestACollectionIsNotTakenForTheOneThatHadItsName(t *testing.T) {
	db := newDatabase(t, tandem.Options{})
	ctx := t.Context()
	old, err := db.CreateCollection(ctx, "s", "c")
	check(t, err)
	save(t, old, "old", `{}`)
	begun, calls := make(chan struct{}), make(chan string)
	_, err = db.AddChangeListener(ctx, func(change tandem.CollectionChange) {
		begun <- struct{}{}
		calls <- change.Collection.FullName() + " " + strings.Join(change.DocumentIDs, " ")
	})
	check(t, err)
	save(t, defaultIn(t, db), "a", `{}`)
	receive(t, "the first call", begun) // it waits, and sees nothing of the following one by one
	check(t, db.DeleteCollection(ctx, "s", "c"))
	again, err := db.CreateCollection(ctx, "s", "c")
	check(t, err)
	save(t, again, "b", `{}`)
	wantIDs(t, "first call", []string{receive(t, "the first call", calls)}, "_default._default a")
	receive(t, "the second call", begun)
	wantIDs(t, "second call", []string{receive(t, "the second call", calls)}, "s.c b")
}

func TestAListenerEndsWithItsCollection(t *testing.T) {
	db := newDatabase(t, tandem.Options{})
	c, err := db.CreateCollection(t.Context(), "s", "c")
	check(t, err)
	save(t, c, "before", `{}`)
	ids := listen(t, c)
	check(t, db.DeleteCollection(t.Context(), "s", "c"))
	again, err := db.CreateCollection(t.Context(), "s", "c")
	check(t, err)
	others := listen(t, again)
	save(t, again, "a", `{}`)
	receive(t, "the change", others)
	check(t, db.Close())
	if len(ids) != 0 {
		t.Errorf("the listener of the deleted collection got %s", <-ids)
	}
	_, err = c.AddChangeListener(t.Context(), func(tandem.CollectionChange) {})
	wantError(t, "listen to a closed database", err, tandem.ErrNotOpen)
}
