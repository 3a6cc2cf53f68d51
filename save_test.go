package tandem_test

import (
	"testing"
	"time"

	"github.com/tandemdb/tandem"
)

var versionings = []tandem.Versioning{tandem.VersionVectors, tandem.RevTrees}

// eachVersioning runs a test with a collection of each kind of database.
func eachVersioning(t *testing.T, test func(t *testing.T, c *tandem.Collection)) {
	for _, v := range versionings {
		t.Run(string(v), func(t *testing.T) {
			test(t, defaultIn(t, newDatabase(t, tandem.Options{Versioning: v})))
		})
	}
}

func TestTheLastWriterWins(t *testing.T) {
	eachVersioning(t, func(t *testing.T, c *tandem.Collection) {
		save(t, c, "a", `{"n":0}`)
		mine, other := read(t, c, "a"), read(t, c, "a")
		check(t, other.SetBody([]byte(`{"n":1}`)))
		check(t, c.Save(t.Context(), other))
		check(t, mine.SetBody([]byte(`{"n":2}`)))
		check(t, c.Save(t.Context(), mine))
		wantBody(t, c, "a", `{"n":2}`)
		if got := read(t, c, "a"); got.RevisionID() != mine.RevisionID() || got.Sequence() != 3 {
			t.Errorf("got revision %s, sequence %d, want %s, 3", got.RevisionID(), got.Sequence(), mine.RevisionID())
		}
		check(t, other.SetBody([]byte(`{"n":3}`)))
		check(t, c.Delete(t.Context(), mine))
		check(t, c.Save(t.Context(), other))
		wantBody(t, c, "a", `{"n":3}`)
	})
}

func TestFailOnConflictRefusesAnOutdatedEdit(t *testing.T) {
	const fail = tandem.FailOnConflict
	eachVersioning(t, func(t *testing.T, c *tandem.Collection) {
		ctx := t.Context()
		first := newDocument(t, "a", `{"n":0}`)
		check(t, c.SaveWithConcurrency(ctx, first, fail))
		wantError(t, "a new document where there is one",
			c.SaveWithConcurrency(ctx, newDocument(t, "a", `{}`), fail), tandem.ErrConflict)
		stale := read(t, c, "a")
		check(t, first.SetValue("n", 1))
		check(t, c.SaveWithConcurrency(ctx, first, fail))

		check(t, stale.SetValue("n", 2))
		was := stale.RevisionID()
		wantError(t, "save", c.SaveWithConcurrency(ctx, stale, fail), tandem.ErrConflict)
		wantError(t, "delete", c.DeleteWithConcurrency(ctx, stale, fail), tandem.ErrConflict)
		if stale.RevisionID() != was || string(stale.Body()) != `{"n":2}` {
			t.Errorf("a refused document became %s %s", stale.RevisionID(), stale.Body())
		}
		check(t, c.DeleteWithConcurrency(ctx, first, fail))
		wantError(t, "save over a tombstone", c.SaveWithConcurrency(ctx, stale, fail), tandem.ErrConflict)
		check(t, c.SaveWithConcurrency(ctx, newDocument(t, "a", `{"new":1}`), fail))
		wantError(t, "save from a tombstone", c.SaveWithConcurrency(ctx, first, fail), tandem.ErrConflict)
	})
}

func TestSaveWithHandlerMerges(t *testing.T) {
	c := newCollection(t)
	save(t, c, "a", `{"n":0}`)
	mine, calls := read(t, c, "a"), 0
	check(t, mine.SetValue("mine", true))
	save(t, c, "a", `{"n":1}`)
	err := c.SaveWithHandler(t.Context(), mine, func(d, existing *tandem.Document) bool {
		calls++
		if calls == 1 {
			save(t, c, "a", `{"n":2}`) // so that the handler's work is in vain
		}
		n, _ := existing.Value("n")
		check(t, d.SetValue("n", n))
		return true
	})
	check(t, err)
	wantBody(t, c, "a", `{"n":2,"mine":true}`)
	if calls != 2 {
		t.Errorf("the handler was called %d times, want 2", calls)
	}
}

func TestSaveWithHandlerGivesUp(t *testing.T) {
	c := newCollection(t)
	mine := save(t, c, "a", `{"n":0}`)
	save(t, c, "a", `{"n":1}`)
	refuse := func(*tandem.Document, *tandem.Document) bool { return false }
	wantError(t, "refused", c.SaveWithHandler(t.Context(), mine, refuse), tandem.ErrConflict)
	wantBody(t, c, "a", `{"n":1}`)
	wantError(t, "another error", c.SaveWithHandler(t.Context(), tandem.NewDocument("_"), refuse), tandem.ErrBadDocID)
}

func TestSaveWithHandlerSeesADeletion(t *testing.T) {
	ends := map[string]func(c *tandem.Collection) error{
		"deleted": func(c *tandem.Collection) error { return c.Delete(t.Context(), tandem.NewDocument("a")) },
		"purged":  func(c *tandem.Collection) error { return c.Purge(t.Context(), "a") },
	}
	for name, end := range ends {
		eachVersioning(t, func(t *testing.T, c *tandem.Collection) {
			mine := save(t, c, "a", `{"n":0}`)
			check(t, end(c))
			err := c.SaveWithHandler(t.Context(), mine, func(_, existing *tandem.Document) bool {
				if existing != nil {
					t.Errorf("%s: the handler got %s", name, existing.Body())
				}
				return true
			})
			check(t, err)
			wantBody(t, c, "a", `{"n":0}`)
		})
	}
}

func TestADeletedDocumentLeavesATombstone(t *testing.T) {
	eachVersioning(t, func(t *testing.T, c *tandem.Collection) {
		ctx := t.Context()
		d := save(t, c, "a", `{"n":0}`)
		save(t, c, "b", `{}`)
		check(t, c.Delete(ctx, d))
		if !d.Deleted() || string(d.Body()) != `{}` || d.Sequence() != 3 {
			t.Errorf("a deleted document is %v, %s, sequence %d", d.Deleted(), d.Body(), d.Sequence())
		}
		_, err := c.Document(ctx, "a")
		wantError(t, "read it", err, tandem.ErrNotFound)
		wantError(t, "decode it", c.Get(ctx, "a", new(map[string]any)), tandem.ErrNotFound)
		wantError(t, "delete it again", c.Delete(ctx, tandem.NewDocument("a")), tandem.ErrNotFound)
		wantError(t, "delete another", c.Delete(ctx, tandem.NewDocument("x")), tandem.ErrNotFound)
		wantContents(t, c, map[string]string{"b": `{}`})
		if n, err := c.Count(ctx); n != 1 || err != nil {
			t.Errorf("got %d documents, %v, want 1", n, err)
		}
		var deleted []string
		for d, err := range c.AllWithDeleted(ctx) {
			check(t, err)
			if d.Deleted() {
				deleted = append(deleted, d.ID())
			}
		}
		wantIDs(t, "tombstones", deleted, "a")
		wantIDs(t, "changes", changed(t, c, 0), "b", "a")
		save(t, c, "a", `{"back":1}`)
		wantBody(t, c, "a", `{"back":1}`)
	})
}

func TestPurgeLeavesNothing(t *testing.T) {
	c := newCollection(t)
	save(t, c, "a", `{}`)
	check(t, c.Purge(t.Context(), "a"))
	wantIDs(t, "changes", changed(t, c, 0))
	wantError(t, "purge it again", c.Purge(t.Context(), "a"), tandem.ErrNotFound)
	if last, err := c.LastSequence(t.Context()); last != 1 || err != nil {
		t.Errorf("last sequence %d, %v, want 1", last, err)
	}
	if d := save(t, c, "a", `{}`); d.Sequence() != 2 {
		t.Errorf("a new document got sequence %d, want 2", d.Sequence())
	}
}

func TestADocumentBelongsToItsCollection(t *testing.T) {
	c := newCollection(t)
	d := save(t, c, "a", `{}`)
	other, err := c.Database().CreateCollection(t.Context(), "s", "other")
	check(t, err)
	wantError(t, "another collection", other.Save(t.Context(), d), tandem.ErrInvalid)
	wantError(t, "another database", newCollection(t).Save(t.Context(), d), tandem.ErrInvalid)
	again, err := c.Database().DefaultCollection(t.Context())
	check(t, err)
	check(t, again.Save(t.Context(), d))
}

func TestExpiredDocumentsGo(t *testing.T) {
	c := newCollection(t)
	ctx := t.Context()
	for _, id := range []string{"now", "later", "never"} {
		save(t, c, id, `{}`)
	}
	later := time.Now().Add(time.Hour).Truncate(time.Millisecond)
	check(t, c.SetExpiration(ctx, "later", later))
	check(t, c.SetExpiration(ctx, "never", later))
	check(t, c.SetExpiration(ctx, "never", time.Time{}))
	wantError(t, "of nothing", c.SetExpiration(ctx, "x", later), tandem.ErrNotFound)
	save(t, c, "later", `{"edited":1}`)
	for id, want := range map[string]time.Time{"now": {}, "later": later, "never": {}} {
		if got, err := c.Expiration(ctx, id); !got.Equal(want) || err != nil {
			t.Errorf("expiration of %s: got %v, %v, want %v", id, got, err, want)
		}
	}

	changes := make(chan tandem.DocumentChange, 10)
	_, err := c.AddDocumentChangeListener(ctx, "now", func(change tandem.DocumentChange) { changes <- change })
	check(t, err)
	check(t, c.SetExpiration(ctx, "now", time.Now().Add(20*time.Millisecond)))
	receive(t, "the purge", changes)
	wantContents(t, c, map[string]string{"later": `{"edited":1}`, "never": `{}`})
}
