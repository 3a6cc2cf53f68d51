package tandem_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/tandemdb/tandem"
)

func TestChangesSinceGivesTheLatestChangeOfEachDocument(t *testing.T) {
	eachVersioning(t, func(t *testing.T, c *tandem.Collection) {
		a := save(t, c, "a", `{}`)
		save(t, c, "b", `{}`)
		save(t, c, "c", `{}`)
		save(t, c, "b", `{"n":1}`)
		check(t, c.Purge(t.Context(), "c"))
		check(t, c.Delete(t.Context(), a))
		wantIDs(t, "all changes", changed(t, c, 0), "b", "a")
		wantIDs(t, "changes since 4", changed(t, c, 4), "a")
		wantIDs(t, "changes since 5", changed(t, c, 5))
		for change, err := range c.ChangesSince(t.Context(), 4) {
			check(t, err)
			want := tandem.Change{ID: "a", Sequence: 5, RevisionID: a.RevisionID(), Deleted: true}
			if change != want {
				t.Errorf("got %+v, want %+v", change, want)
			}
		}
	})
}

// Many documents take several portions, in which none is left out or doubled, and the loop may
// change the database.
func TestManyDocumentsAreGivenWithoutAGap(t *testing.T) {
	c := newCollection(t)
	const n = 2500
	check(t, c.Database().InBatch(t.Context(), func(b *tandem.Batch) error {
		for i := range n {
			check(t, b.Put(c, fmt.Sprintf("%04d", i), struct{}{}))
		}
		return nil
	}))
	if ids := changed(t, c, 0); len(ids) != n || ids[0] != "0000" || ids[n-1] != "2499" {
		t.Errorf("got %d changes, want %d", len(ids), n)
	}
	i := 0
	for d, err := range c.All(t.Context()) {
		check(t, err)
		if want := fmt.Sprintf("%04d", i); d.ID() != want {
			t.Fatalf("got %s, want %s", d.ID(), want)
		}
		if i%100 == 0 {
			check(t, c.Delete(t.Context(), d))
		}
		i++
	}
	if i != n {
		t.Errorf("got %d documents, want %d", i, n)
	}
	for _, err := range c.All(t.Context()) {
		check(t, err)
		break
	}
	for _, err := range c.ChangesSince(t.Context(), 0) {
		check(t, err)
		break
	}
	if got := len(contents(t, c)); got != n-n/100 {
		t.Errorf("after deletions: got %d documents, want %d", got, n-n/100)
	}
}

func TestFollowChangesGoesOn(t *testing.T) {
	db := newDatabase(t, tandem.Options{})
	c := defaultIn(t, db)
	elsewhere := defaultIn(t, openAt(t, db.Path(), tandem.Options{MustExist: true})) // as another process
	save(t, c, "0", `{}`)
	ctx, cancel := context.WithCancel(t.Context())
	followed := make(chan string)
	var end error
	go func() {
		defer close(followed)
		for change, err := range c.FollowChanges(ctx, 0) {
			if end = err; err == nil {
				followed <- change.ID
			}
		}
	}()
	for i, writer := range []*tandem.Collection{c, c, elsewhere, c, elsewhere} {
		id := fmt.Sprint(i)
		if i > 0 {
			save(t, writer, id, `{}`)
		}
		if got := receive(t, "change "+id, followed); got != id {
			t.Errorf("got a change of %s, want %s", got, id)
		}
	}
	cancel()
	receive(t, "the end", followed)
	wantError(t, "after cancel", end, context.Canceled)
}

func TestFollowChangesEndsWithTheDatabase(t *testing.T) {
	c := newCollection(t)
	save(t, c, "a", `{}`)
	ended := make(chan error, 1)
	begun := make(chan struct{})
	go func() {
		for _, err := range c.FollowChanges(context.Background(), 0) {
			if err != nil {
				ended <- err
				return
			}
			close(begun)
		}
	}()
	receive(t, "the first change", begun)
	check(t, c.Database().Close())
	wantError(t, "the end", receive(t, "the end", ended), tandem.ErrNotOpen)
}
