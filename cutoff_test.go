package tandem_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/store/storetest"
)

// writing is a method that changes the database; d is a document of it that no other has changed.
type writing func(ctx context.Context, c *tandem.Collection, d *tandem.Document) error

// batched is the same within a batch, whose function goes on after an error.
type batched func(b *tandem.Batch, c *tandem.Collection, d *tandem.Document) error

// TestAMethodThatIsCutOffChangesNothing ends the context at each question that is asked of it, for each
// method of Collection and of Batch that changes something.
func TestAMethodThatIsCutOffChangesNothing(t *testing.T) {
	for name, write := range map[string]writing{
		"Save": func(ctx context.Context, c *tandem.Collection, d *tandem.Document) error { return c.Save(ctx, d) },
		"SaveWithConcurrency": func(ctx context.Context, c *tandem.Collection, d *tandem.Document) error {
			return c.SaveWithConcurrency(ctx, d, tandem.FailOnConflict)
		},
		"SaveWithHandler": func(ctx context.Context, c *tandem.Collection, d *tandem.Document) error {
			return c.SaveWithHandler(ctx, d, func(_, _ *tandem.Document) bool { return true })
		},
		"Put": func(ctx context.Context, c *tandem.Collection, d *tandem.Document) error {
			return c.Put(ctx, d.ID(), map[string]any{"put": true})
		},
		"Delete": func(ctx context.Context, c *tandem.Collection, d *tandem.Document) error { return c.Delete(ctx, d) },
		"DeleteWithConcurrency": func(ctx context.Context, c *tandem.Collection, d *tandem.Document) error {
			return c.DeleteWithConcurrency(ctx, d, tandem.FailOnConflict)
		},
		"Purge": func(ctx context.Context, c *tandem.Collection, d *tandem.Document) error { return c.Purge(ctx, d.ID()) },
		"SetExpiration": func(ctx context.Context, c *tandem.Collection, d *tandem.Document) error {
			return c.SetExpiration(ctx, d.ID(), time.Now().Add(time.Hour))
		},
	} {
		t.Run("Collection."+name, func(t *testing.T) { cutOff(t, write) })
	}
	for name, write := range map[string]batched{
		"Save": func(b *tandem.Batch, c *tandem.Collection, d *tandem.Document) error { return b.Save(c, d) },
		"SaveWithConcurrency": func(b *tandem.Batch, c *tandem.Collection, d *tandem.Document) error {
			return b.SaveWithConcurrency(c, d, tandem.FailOnConflict)
		},
		"Put": func(b *tandem.Batch, c *tandem.Collection, d *tandem.Document) error {
			return b.Put(c, d.ID(), map[string]any{"put": true})
		},
		"Import": func(b *tandem.Batch, c *tandem.Collection, d *tandem.Document) error { return b.Import(c, d) },
		"Restore": func(b *tandem.Batch, c *tandem.Collection, d *tandem.Document) error {
			_, err := b.Restore(c, d, tandem.RestoreOptions{})
			return err
		},
		"Delete": func(b *tandem.Batch, c *tandem.Collection, d *tandem.Document) error { return b.Delete(c, d) },
		"DeleteWithConcurrency": func(b *tandem.Batch, c *tandem.Collection, d *tandem.Document) error {
			return b.DeleteWithConcurrency(c, d, tandem.FailOnConflict)
		},
		"Purge": func(b *tandem.Batch, c *tandem.Collection, d *tandem.Document) error { return b.Purge(c, d.ID()) },
		"CreateBlob": func(b *tandem.Batch, _ *tandem.Collection, _ *tandem.Document) error {
			_, err := b.CreateBlob("text/plain", strings.NewReader("content"))
			return err
		},
		"CreateCollection": func(b *tandem.Batch, _ *tandem.Collection, _ *tandem.Document) error {
			_, err := b.CreateCollection("shop", "items")
			return err
		},
	} {
		t.Run("Batch."+name, func(t *testing.T) {
			cutOff(t, func(ctx context.Context, c *tandem.Collection, d *tandem.Document) (err error) {
				batchErr := c.Database().InBatch(ctx, func(b *tandem.Batch) error {
					err = write(b, c, d)
					return nil
				})
				if batchErr != nil {
					return batchErr
				}
				return err
			})
		})
	}
}

// cutOff runs write until its context lasts, and compares what is left of each try before.
func cutOff(t *testing.T, write writing) {
	t.Parallel()
	c := newCollection(t)
	save(t, c, "a", `{"n":1}`)
	d := read(t, c, "a")
	check(t, d.SetBlob("text", tandem.NewBlob("text/plain", []byte("content of a new blob"))))
	wantDoc, wantRev := string(d.Body()), d.RevisionID()
	for n := 1; ; n++ {
		ctx := storetest.EndAt(context.Background(), n)
		err := write(ctx, c, d)
		ctx.Close()
		wantSound(t, c.Database())
		if err == nil {
			return
		}
		if n > 100 {
			t.Fatalf("fails for ever: %v", err)
		}
		wantContents(t, c, map[string]string{"a": `{"n":1}`})
		if got := string(d.Body()); got != wantDoc || d.RevisionID() != wantRev {
			t.Errorf("cut off at question %d: the document is %s of revision %s, want %s of %s",
				n, got, d.RevisionID(), wantDoc, wantRev)
		}
		if at, err := c.Expiration(context.Background(), "a"); err != nil || !at.IsZero() {
			t.Errorf("cut off at question %d: the document expires %v, %v", n, at, err)
		}
		all, err := c.Database().Collections(context.Background())
		if err != nil || len(all) != 1 {
			t.Errorf("cut off at question %d: got collections %v, %v", n, all, err)
		}
	}
}
