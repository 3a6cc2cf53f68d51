package store_test

import (
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/store"
)

// TestAMarkWithoutTheLockMovesNoSequence marks a document that another node has written since the batch lost the lock. The
// batch has not given its sequence, so it must stay.
func TestAMarkWithoutTheLockMovesNoSequence(t *testing.T) {
	const peer = store.Remote(1)
	theirs := rev(t, "18a3f2c1d5e10000@AbCdEf0123456789+/abcA", "")
	marks := map[string]func(tx *store.Tx, c *store.Collection, d *store.Document) error{
		"an expiry": func(tx *store.Tx, c *store.Collection, d *store.Document) error {
			return tx.SetExpiry(c, d.ID, tx.Now().Add(time.Hour))
		},
		"a known revision": func(tx *store.Tx, c *store.Collection, d *store.Document) error {
			return tx.MarkKnown(c, d.ID, peer, d.Rev.ID)
		},
		"a revision taken": func(tx *store.Tx, c *store.Collection, d *store.Document) error {
			return tx.MarkTaken(c, d.ID, peer, d.Rev, "")
		},
		"a conflict": func(tx *store.Tx, c *store.Collection, d *store.Document) error {
			o, err := tx.Receive(c, store.Incoming{ID: d.ID, Rev: theirs, Remote: peer, Body: []byte(`{}`)})
			if o != store.Conflicted {
				t.Errorf("the outcome is %v", o)
			}
			return err
		},
	}
	for name, mark := range marks {
		for _, edits := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				dbs, _ := nodes(t, 2, store.Options{})
				a, b := dbs[0], dbs[1]
				a.HoldFor(0, time.Hour)
				c, of := defaults(t, a), defaults(t, b)
				save(t, a, c, "first", `{}`)
				var read, mine *store.Document
				err := a.UpdateOnce(background, func(tx *store.Tx) (err error) {
					d := save(t, b, of, "x", `{}`)
					if edits {
						if mine, err = tx.Save(c, store.Edit{ID: "mine"}); err != nil {
							return err
						}
					}
					if err := mark(tx, c, d); err != nil {
						return err
					}
					read, err = tx.Document(c, "x")
					return err
				})
				if err != nil {
					t.Fatal(err)
				}
				if d := get(t, b, of, "x"); d.Sequence != 2 || read.Sequence != 2 {
					t.Errorf("the marked document has the sequence %d, and %d for the batch, want 2", d.Sequence, read.Sequence)
				}
				if edits && (mine.Sequence != 3 || get(t, b, of, "mine").Sequence != 3) {
					t.Errorf("the batch gave its own document the sequence %d, want 3", mine.Sequence)
				}
				if d := save(t, b, of, "later", `{}`); d.Sequence <= read.Sequence {
					t.Errorf("a later document has the sequence %d", d.Sequence)
				}
			})
		}
	}
}
