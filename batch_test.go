package tandem_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
)

func TestABatchIsOneTransaction(t *testing.T) {
	c := newCollection(t)
	db := c.Database()
	other, err := db.CreateCollection(t.Context(), "s", "other")
	check(t, err)
	old := save(t, c, "old", `{}`)
	save(t, c, "purged", `{}`)
	err = db.InBatch(t.Context(), func(b *tandem.Batch) error {
		check(t, b.Put(c, "new", map[string]int{"n": 1}))
		check(t, b.Save(other, newDocument(t, "new", `{"n":2}`)))
		check(t, b.Delete(c, old))
		check(t, b.Purge(c, "purged"))
		var n struct{ N int }
		if err := b.Get(other, "new", &n); n.N != 2 || err != nil {
			t.Errorf("inside, n is %d, %v, want 2", n.N, err)
		}
		_, err := b.Document(c, "old")
		wantError(t, "inside, the deleted document", err, tandem.ErrNotFound)
		if _, err := c.Document(t.Context(), "new"); !errors.Is(err, tandem.ErrNotFound) {
			t.Errorf("outside, before the end: got error %v", err)
		}
		return nil
	})
	check(t, err)
	wantContents(t, c, map[string]string{"new": `{"n":1}`})
	wantContents(t, other, map[string]string{"new": `{"n":2}`})
}

func TestAFailedBatchChangesNothing(t *testing.T) {
	broken := errors.New("broken")
	ends := map[string]func() error{
		"an error":             func() error { return broken },
		"a panic":              func() error { panic("broken") },
		"the goroutine's exit": func() error { runtime.Goexit(); return nil }, // as t.FailNow does
	}
	for name, end := range ends {
		eachVersioning(t, func(t *testing.T, c *tandem.Collection) {
			d := save(t, c, "a", `{"n":0}`)
			revision, sequence := d.RevisionID(), d.Sequence()
			fresh := newDocument(t, "b", `{}`)
			outcome := outcomeOf(func() error {
				return c.Database().InBatch(t.Context(), func(b *tandem.Batch) error {
					for n := range 3 {
						check(t, d.SetValue("n", n))
						check(t, b.Save(c, d))
					}
					check(t, b.Delete(c, d))
					check(t, b.Save(c, fresh))
					return end()
				})
			})
			if want := outcomeOf(end); outcome != want {
				t.Errorf("%s: got %v, want %v", name, outcome, want)
			}
			if d.RevisionID() != revision || d.Sequence() != sequence || d.Deleted() || fresh.RevisionID() != "" {
				t.Errorf("%s: the documents are at %q and %q", name, d.RevisionID(), fresh.RevisionID())
			}
			wantContents(t, c, map[string]string{"a": `{"n":0}`})
			check(t, c.SaveWithConcurrency(t.Context(), d, tandem.FailOnConflict))
		})
	}
}

// outcomeOf returns what fn returns or panics with, nil if it ends its goroutine.
func outcomeOf(fn func() error) (outcome any) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if r := recover(); r != nil {
				outcome = r
			}
		}()
		outcome = fn()
	}()
	<-done
	return outcome
}

func TestABatchThatCannotBeginIsNotCalled(t *testing.T) {
	c := newCollection(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err := c.Database().InBatch(ctx, func(*tandem.Batch) error {
		t.Error("the function was called")
		return nil
	})
	wantError(t, "a context that is done", err, context.Canceled)
}

func TestABatchEndsWithItsContext(t *testing.T) {
	c := newCollection(t)
	ctx, cancel := context.WithCancel(t.Context())
	err := c.Database().InBatch(ctx, func(b *tandem.Batch) error {
		check(t, b.Put(c, "before", struct{}{}))
		cancel()
		return b.Put(c, "after", struct{}{})
	})
	wantError(t, "a batch whose context has ended", err, context.Canceled)
	wantContents(t, c, map[string]string{})
}

func TestABatchGoesOnAfterARefusal(t *testing.T) {
	c := newCollection(t)
	stale := save(t, c, "a", `{"n":0}`)
	save(t, c, "a", `{"n":1}`)
	check(t, c.Database().InBatch(t.Context(), func(b *tandem.Batch) error {
		check(t, b.Put(c, "before", struct{}{}))
		wantError(t, "a conflict", b.SaveWithConcurrency(c, stale, tandem.FailOnConflict), tandem.ErrConflict)
		wantError(t, "a bad ID", b.Put(c, "_", struct{}{}), tandem.ErrBadDocID)
		return b.Put(c, "after", struct{}{})
	}))
	wantContents(t, c, map[string]string{"a": `{"n":1}`, "before": `{}`, "after": `{}`})
}

func TestABatchStoresBlobs(t *testing.T) {
	c := newCollection(t)
	db := c.Database()
	var waiting *tandem.Blob
	check(t, db.InBatch(t.Context(), func(b *tandem.Batch) (err error) {
		check(t, b.Put(c, "a", map[string]any{"b": tandem.NewBlob("text/plain", []byte("content"))}))
		if waiting, err = b.CreateBlob("", strings.NewReader("of no document yet")); err != nil {
			return err
		}
		return b.Put(c, "c", map[string]any{"again": tandem.NewBlob("", []byte("content"))})
	}))
	doomed := tandem.NewBlob("", []byte("of a batch that fails"))
	failed := errors.New("no")
	err := db.InBatch(t.Context(), func(b *tandem.Batch) error {
		check(t, b.Put(c, "d", map[string]any{"b": doomed}))
		return failed
	})
	wantError(t, "a batch that fails", err, failed)

	check(t, db.Compact(t.Context()))
	wantBlob(t, read(t, c, "a").Blob("b"), "content", "text/plain")
	wantBlob(t, read(t, c, "c").Blob("again"), "content", "")
	wantBlob(t, waiting, "of no document yet", "")
	inFolders(t, "blobs in PostgreSQL stay for a day")
	_, err = db.OpenBlob(doomed.Digest())
	wantError(t, "the blob of a batch that failed", err, tandem.ErrNotFound)
}

func TestABatchIsOfOneDatabase(t *testing.T) {
	c, other := newCollection(t), newCollection(t)
	var kept *tandem.Batch
	check(t, c.Database().InBatch(t.Context(), func(b *tandem.Batch) error {
		kept = b
		wantError(t, "Put", b.Put(other, "a", struct{}{}), tandem.ErrInvalid)
		wantError(t, "Purge", b.Purge(other, "a"), tandem.ErrInvalid)
		_, err := b.Document(other, "a")
		wantError(t, "Document", err, tandem.ErrInvalid)
		return nil
	}))
	wantError(t, "use after its end", kept.Put(c, "a", struct{}{}), tandem.ErrNotOpen)
}

func BenchmarkInBatch(b *testing.B) {
	c := newCollection(b)
	body := map[string]string{"text": strings.Repeat("x", 1000)}
	for i := 0; b.Loop(); {
		err := c.Database().InBatch(b.Context(), func(batch *tandem.Batch) error {
			for range 1000 {
				i++
				if err := batch.Put(c, fmt.Sprint("doc-", i), body); err != nil {
					return err
				}
			}
			return nil
		})
		check(b, err)
	}
	b.ReportMetric(float64(b.N)*1000/b.Elapsed().Seconds(), "docs/s")
}
