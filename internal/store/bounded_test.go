package store_test

import (
	"fmt"
	"testing"

	"github.com/tandemdb/tandem/internal/store"
)

// A bounded space keeps the greater values, at most a sixteenth more than asked for, also if each process sets few.
func TestABoundedSpaceStaysSmall(t *testing.T) {
	t.Parallel()
	const most, slack = 64, 64 / 16
	db := open(t, store.Options{})
	set := func(i int) {
		update(t, db, func(tx *store.Tx) error {
			return tx.SetBoundedInfo("space", fmt.Sprint(i), fmt.Appendf(nil, "%04d", i), most)
		})
	}
	kept := func() (n, lowest int) {
		view(t, db, func(tx *store.Tx) error {
			lowest = -1
			return tx.Infos("space", func(key string, value []byte) error {
				var i int
				if _, err := fmt.Sscan(key, &i); err != nil || string(value) != fmt.Sprintf("%04d", i) {
					t.Errorf("%s is %q, %v", key, value, err)
				}
				if n++; lowest < 0 || i < lowest {
					lowest = i
				}
				return nil
			})
		})
		return n, lowest
	}
	update(t, db, func(tx *store.Tx) error { return tx.SetInfo("another", "k", []byte("0")) })
	for i := range 300 {
		if i > 200 && i%2 == 0 { // as many processes do, one after the other
			path := db.Path()
			if err := db.Close(); err != nil {
				t.Fatal(err)
			}
			db = openAt(t, path, store.Options{})
		}
		set(i)
		n, lowest := kept()
		if n > most+slack || n < min(i+1, most/2) || lowest != i+1-n {
			t.Fatalf("after %d values there are %d from %d on, want the latest, %d to %d of them",
				i+1, n, lowest, most/2, most+slack)
		}
	}
	view(t, db, func(tx *store.Tx) error {
		if value, err := tx.Info("another", "k"); string(value) != "0" || err != nil {
			t.Errorf("a value of another space is %q, %v", value, err)
		}
		return nil
	})
}
