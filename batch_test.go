package tandem_test

import (
	"errors"
	"fmt"
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
	ends := map[string]struct {
		end  func() error
		want error
	}{
		"an error": {func() error { return broken }, broken},
		"a panic":  {func() error { panic("broken") }, nil},
	}
	for name, c := range ends {
		eachVersioning(t, func(t *testing.T, coll *tandem.Collection) {
			d := save(t, coll, "a", `{"n":0}`)
			revision, sequence := d.RevisionID(), d.Sequence()
			fresh := newDocument(t, "b", `{}`)
			err := coll.Database().InBatch(t.Context(), func(b *tandem.Batch) error {
				for n := range 3 {
					check(t, d.SetValue("n", n))
					check(t, b.Save(coll, d))
				}
				check(t, b.Delete(coll, d))
				check(t, b.Save(coll, fresh))
				return c.end()
			})
			if err == nil || c.want != nil && !errors.Is(err, c.want) {
				t.Errorf("%s: got error %v", name, err)
			}
			if d.RevisionID() != revision || d.Sequence() != sequence || d.Deleted() || fresh.RevisionID() != "" {
				t.Errorf("%s: the documents are at %q and %q", name, d.RevisionID(), fresh.RevisionID())
			}
			wantContents(t, coll, map[string]string{"a": `{"n":0}`})
			check(t, coll.SaveWithConcurrency(t.Context(), d, tandem.FailOnConflict))
		})
	}
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

func TestABatchTakesStoredBlobsOnly(t *testing.T) {
	c := newCollection(t)
	b := tandem.NewBlob("", []byte("content"))
	put := func(batch *tandem.Batch) error { return batch.Put(c, "a", map[string]any{"b": b}) }
	err := c.Database().InBatch(t.Context(), put)
	wantError(t, "a blob that is not stored", err, tandem.ErrNotFound)
	if tandem.HintOf(err) == "" {
		t.Error("the error has no hint")
	}
	r, err := b.Open()
	check(t, err)
	_, err = c.Database().CreateBlob(t.Context(), "", r)
	check(t, err)
	check(t, c.Database().InBatch(t.Context(), put))
	wantBlob(t, read(t, c, "a").Blob("b"), "content", "")
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
