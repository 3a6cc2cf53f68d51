package store_test

import (
	"fmt"
	"testing"

	"github.com/tandemdb/tandem/internal/store"
)

// TestChangesAreCountedNearAndFar counts what has changed since every kind of sequence, near the end by
// the rows and far from it by the index of the IDs.
func TestChangesAreCountedNearAndFar(t *testing.T) {
	const n = 6_000
	db := open(t, store.Options{})
	c := defaults(t, db)
	err := db.Update(background, func(tx *store.Tx) error {
		for i := range n {
			if _, err := tx.Save(c, store.Edit{ID: fmt.Sprint(i)}); err != nil {
				return err
			}
		}
		for i := range n / 2 { // which leaves gaps
			if _, err := tx.Save(c, store.Edit{ID: fmt.Sprint(2 * i), Deleted: i%3 == 0}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for since, want := range map[store.Sequence]uint64{
		0: n, 1: n, 2: n - 1, n / 2: n - n/4, n: n / 2, n + n/2 - 1: 1, n + n/2: 0, n + n: 0,
	} {
		var got uint64
		err := db.View(background, func(tx *store.Tx) (err error) {
			got, err = tx.CountSince(c, since)
			return err
		})
		if err != nil || got != want {
			t.Errorf("since %d: got %d (%v), want %d", since, got, err, want)
		}
	}
}
