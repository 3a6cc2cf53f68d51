package store_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/tandemdb/tandem/internal/store"
)

// TestEachConflictComesOnce walks the conflicts of several documents with two remotes, and settles
// every second one on the way.
func TestEachConflictComesOnce(t *testing.T) {
	db := open(t, store.Options{Versioning: store.RevTrees})
	c := defaults(t, db)
	first, second := remote(t, db, "wss://a/db"), remote(t, db, "wss://b/db")
	for _, id := range []string{"a", "b", "c"} {
		save(t, db, c, id, `{"local":1}`)
		for _, with := range []store.Remote{first, second} {
			if id == "b" {
				continue // it is in conflict with nobody
			}
			in := store.Incoming{ID: id, Rev: rev(t, fmt.Sprintf("1-%02d", with), ""), Body: []byte(`{"theirs":1}`), Remote: with}
			if o, err := receive(db, c, in); o != store.Conflicted || err != nil {
				t.Fatalf("%s: got %v, %v, want a conflict", id, o, err)
			}
		}
	}
	for _, settle := range []bool{false, true} {
		var got []string
		for last := (&store.Conflict{Local: new(store.Document)}); ; {
			next := nextConflict(t, db, c, last.Local.ID, last.With)
			if next == nil {
				break
			}
			got = append(got, fmt.Sprintf("%s/%d", next.Local.ID, next.With))
			if settle {
				r := store.Resolution{
					ID: next.Local.ID, Remote: next.With, Local: next.Local.Rev.ID, Theirs: next.Remote.Rev.ID, Winner: store.RemoteWins,
				}
				err := db.Update(background, func(tx *store.Tx) error { _, err := tx.Resolve(c, r); return err })
				if err != nil {
					t.Fatal(err)
				}
			}
			last = next
		}
		if want := []string{"a/1", "a/2", "c/1", "c/2"}; !slices.Equal(got, want) {
			t.Errorf("settling is %t: got %q, want %q", settle, got, want)
		}
	}
	if next := nextConflict(t, db, c, "", 0); next != nil {
		t.Errorf("after all were settled: got %+v, want nothing", next)
	}
}

func nextConflict(t *testing.T, db *store.DB, c *store.Collection, id string, with store.Remote) (next *store.Conflict) {
	t.Helper()
	err := db.View(background, func(tx *store.Tx) (err error) {
		next, err = tx.NextConflict(c, id, with)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return next
}
