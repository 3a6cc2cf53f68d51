//go:build unix

package store_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/store"
)

// TestVectorRatios prints how long searches of vectors take, and how much of the exact result the approximate ones find.
func TestVectorRatios(t *testing.T) {
	if *ratios == 0 {
		t.Skip("it measures: give -ratios")
	}
	const dimensions = 384
	db := open(t, store.Options{})
	c := defaults(t, db)
	m := newMeanings(dimensions)
	began := time.Now()
	saveDrawn(t, db, c, 0, *ratios, m.document)
	t.Logf("%-40s %8.1f s", "saving", time.Since(began).Seconds())
	took := func(what string, f func()) {
		began := time.Now()
		f()
		t.Logf("%-40s %8.1f s", what, time.Since(began).Seconds())
	}
	flat := vectorIndex("flat", store.VectorOptions{Dimensions: dimensions, Metric: "euclideanSquared"})
	took("building an exact index", func() { createIndex(t, db, flat) })
	lists := vectorIndex("lists", store.VectorOptions{Dimensions: dimensions, Metric: "cosine", Centroids: 316})
	took("building an index with 316 centroids", func() { createIndex(t, db, lists) })
	target := func() string { text, _ := json.Marshal(m.vector()); return string(text) }
	exact := func(of string) string {
		return fmt.Sprintf("SELECT META().id FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v, %s, 'L2_SQUARED') LIMIT 10", of)
	}
	near := func(of string) string {
		return fmt.Sprintf("SELECT META().id FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v, %s, 'COSINE') LIMIT 10", of)
	}
	took("the first search, which fills the cache", func() { ask(t, db, exact(target())) })
	ask(t, db, near(target()))
	some := make([]string, 15)
	for i := range some {
		some[i] = target()
	}
	t.Logf("%-40s %8.2f ms (most: 60)", "the 10 nearest, exact", middle(t, db, some, exact))
	t.Logf("%-40s %8.2f ms (most: 5)", "the 10 nearest, approximate", middle(t, db, some, near))
	t.Logf("%-40s %8.2f ms", "the 10 nearest of a hundredth", middle(t, db, some, func(of string) string {
		return fmt.Sprintf("SELECT META().id FROM _ WHERE n = 7 ORDER BY APPROX_VECTOR_DISTANCE(v, %s, 'L2_SQUARED') LIMIT 10", of)
	}))
	found := 0
	for _, of := range some {
		all := ask(t, db, fmt.Sprintf("SELECT META().id FROM _ WHERE META().id IS VALUED ORDER BY COSINE_DISTANCE(v, %s) LIMIT 10", of))
		for _, id := range ask(t, db, near(of)) {
			if slices.Contains(all, id) {
				found++
			}
		}
	}
	t.Logf("%-40s %8.3f    (least: 0.95)", "recall", float64(found)/float64(10*len(some)))
	path := db.Path()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = openAt(t, path, store.Options{VectorCache: -1})
	t.Logf("%-40s %8.2f ms", "approximate, without a cache", middle(t, db, some, near))
	ours := middle(t, db, some[:5], exact)
	theirs := scanned(t, path)
	t.Logf("%-40s %8.2f    (most: 5) %.0f ms against %.0f ms", "exact without a cache, against a scan", ours/theirs, ours, theirs)
}

// ask returns the first column of a query.
func ask(t *testing.T, db *store.DB, text string) (found []string) {
	t.Helper()
	view(t, db, func(tx *store.Tx) (err error) { found, err = search(tx, text); return err })
	return found
}

// middle returns the median of how many milliseconds queries take.
func middle(t *testing.T, db *store.DB, some []string, query func(string) string) float64 {
	t.Helper()
	var all []float64
	for _, of := range some {
		text := query(of)
		began := time.Now()
		ask(t, db, text)
		all = append(all, float64(time.Since(began))/1e6)
	}
	slices.Sort(all)
	return all[len(all)/2]
}

// scanned returns how many milliseconds SQLite takes to read all vectors.
func scanned(t *testing.T, path string) float64 {
	t.Helper()
	c, err := sqlite3.Open(filepath.Join(path, "db.sqlite3"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	least := 1e9
	for range 3 {
		began := time.Now()
		if err := c.Exec(`SELECT max(vector) FROM "vector_1_flat vectors"`); err != nil {
			t.Fatal(err)
		}
		least = min(least, float64(time.Since(began))/1e6)
	}
	return least
}
