package store_test

import (
	"fmt"
	"testing"

	"github.com/tandemdb/tandem/internal/store"
)

// TestE21AScanCostsWhatItReads checks that the number of SQLite's steps depends neither on the
// place of the range nor on the size of the collection.
func TestE21AScanCostsWhatItReads(t *testing.T) {
	inFolders(t)
	const page = 10
	ranges := map[string]store.Range{
		"first":       {},
		"from":        {From: "doc-0150"},
		"before":      {Before: "doc-0150", Descending: true},
		"last":        {Descending: true},
		"both bounds": {From: "doc-0150", Before: "doc-02"},
	}
	small, large := scanSteps(t, 200, page, ranges), scanSteps(t, 4000, page, ranges)
	for name, steps := range small {
		if steps == 0 || large[name] != steps {
			t.Errorf("%s: %d documents of 200 take %d steps, and %d of 4000; want as many", name, page, steps, large[name])
		}
	}
}

// scanSteps returns the steps for a page of each range, with each selection, in a collection of n
// documents.
func scanSteps(t *testing.T, n, page int, ranges map[string]store.Range) map[string]int {
	t.Helper()
	db := open(t, store.Options{})
	c := defaults(t, db)
	update(t, db, func(tx *store.Tx) error {
		for i := range n {
			if _, err := tx.Save(c, store.Edit{ID: fmt.Sprintf("doc-%04d", i), Body: []byte(`{"n":1}`)}); err != nil {
				return err
			}
		}
		return nil
	})
	steps := map[string]int{}
	view(t, db, func(tx *store.Tx) error {
		for name, r := range ranges {
			for _, sel := range []store.Select{{}, {WithBody: true}, {LiveOnly: true}} {
				docs, err := tx.Scan(c, r, page, sel)
				if err != nil || len(docs) != page {
					t.Fatalf("%s: got %d documents, %v, want %d", name, len(docs), err, page)
				}
				taken, err := tx.ScanSteps(c, r, sel)
				if err != nil {
					return err
				}
				steps[fmt.Sprintf("%s %+v", name, sel)] = taken
			}
		}
		return nil
	})
	return steps
}
