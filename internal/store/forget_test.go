package store_test

import (
	"fmt"
	"testing"

	"github.com/tandemdb/tandem/internal/store"
)

// TestAForgottenRemoteIsKnownToHaveNothing forgets one of several remotes, in batches.
func TestAForgottenRemoteIsKnownToHaveNothing(t *testing.T) {
	db := open(t, store.Options{})
	c := defaults(t, db)
	const documents = 7
	var remotes []store.Remote
	update(t, db, func(tx *store.Tx) error {
		for i := range 12 { // so that one number is the beginning of another
			r, err := tx.RemoteFor(fmt.Sprintf("mesh:%d", i))
			if err != nil {
				return err
			}
			remotes = append(remotes, r)
		}
		for i := range documents {
			id := fmt.Sprintf("doc-%d", i)
			d, err := tx.Save(c, store.Edit{ID: id, Body: []byte(`{}`)})
			if err != nil {
				return err
			}
			for _, r := range remotes {
				if err := tx.MarkKnown(c, id, r, d.Rev.ID); err != nil {
					return err
				}
			}
		}
		return tx.SetLocalCheckpoint("cp-1", []byte(`{"local":7}`))
	})
	batches := 0
	for after := store.Sequence(0); ; batches++ {
		update(t, db, func(tx *store.Tx) (err error) {
			after, err = tx.ForgetKnown(c, remotes[0], after, 3)
			return err
		})
		if after == 0 {
			break
		}
	}
	update(t, db, func(tx *store.Tx) error { return tx.DropLocalCheckpoint("cp-1") })
	if batches != 2 {
		t.Errorf("%d batches before the last one, want 2", batches)
	}
	view(t, db, func(tx *store.Tx) error {
		for i := range documents {
			d, err := tx.Head(c, fmt.Sprintf("doc-%d", i))
			if err != nil {
				return err
			}
			for j, r := range remotes {
				if has := d.Known(r); (has == "") != (j == 0) {
					t.Errorf("remote %d is known to have %q of %s", r, has, d.ID)
				}
			}
		}
		body, err := tx.LocalCheckpoint("cp-1")
		if body != nil {
			t.Errorf("the checkpoint is %s, want none", body)
		}
		return err
	})
}
