package store_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/store"
)

// A connection has more memory for pages only once it has read many of them again.
func TestACacheGrowsWithItsMisses(t *testing.T) {
	inFolders(t)
	db := open(t, store.Options{})
	c := defaults(t, db)
	body := []byte(`{"text":"` + strings.Repeat("x", 64<<10) + `"}`)
	touch := func() { // 300 documents of 9 pages
		t.Helper()
		for i := range 300 {
			err := db.Update(background, func(tx *store.Tx) error {
				_, err := tx.Save(c, store.Edit{ID: fmt.Sprint(i), Body: body})
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	want := func(pages int64) {
		t.Helper()
		if got, err := db.CachePages(); err != nil || got != pages {
			t.Errorf("the cache has %d pages, %v, want %d", got, err, pages)
		}
	}
	touch()
	want(1000)
	touch()
	want(2000)
}
