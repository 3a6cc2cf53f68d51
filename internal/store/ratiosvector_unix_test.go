//go:build unix

package store_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/store"
)

// TestVectorRatios prints how long searches of vectors take, and how much of the exact result the approximate ones find. The vectors have
// 16 true dimensions of their 384, and no clusters: models of languages make easier ones.
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
	some, others := targets(50, m.vector), targets(80, m.vector)
	took("the first exact search, which fills the cache", func() { ask(t, db, exactly(some[0])) })
	exact := middle(t, db, some, exactly)
	t.Logf("%-40s %8.2f ms (most: 60)", "the 10 nearest, exact", exact)
	t.Logf("%-40s %8.2f ms", "the 10 nearest of a hundredth", middle(t, db, some[:15], func(of string) string {
		return fmt.Sprintf("SELECT META().id FROM _ WHERE n = 7 ORDER BY APPROX_VECTOR_DISTANCE(v, %s, 'L2_SQUARED') LIMIT 10", of)
	}))
	t.Logf("%-40s %8.2f ms", "approximate, while lists are read", middle(t, db, others, nearly))
	near := middle(t, db, some, nearly)
	t.Logf("%-40s %8.2f ms (most: 5), %.2f of exact", "the 10 nearest, approximate", near, near/exact)
	t.Logf("%-40s %8.3f    (least: 0.95)", "recall", recall(t, db, some))
	path := db.Path()
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = openAt(t, path, store.Options{VectorCache: -1})
	t.Logf("%-40s %8.2f ms", "approximate, without a cache", middle(t, db, some[:15], nearly))
	ours := middle(t, db, some[:5], exactly)
	theirs := scanned(t, path)
	t.Logf("%-40s %8.2f    (most: 5) %.0f ms against %.0f ms", "exact without a cache, against a scan", ours/theirs, ours, theirs)
}

// TestRandomVectorRatios prints what approximate searches find of vectors without any structure: hardly more than their share. No
// model makes such vectors.
func TestRandomVectorRatios(t *testing.T) {
	if *ratios == 0 {
		t.Skip("it measures: give -ratios")
	}
	db := open(t, store.Options{})
	c := defaults(t, db)
	m := newMeanings(384)
	m.directions = nil // what remains is noise
	saveDrawn(t, db, c, 0, *ratios, m.document)
	createIndex(t, db, vectorIndex("lists", store.VectorOptions{Dimensions: 384, Metric: "cosine", Centroids: 316}))
	t.Logf("%-40s %8.3f", "recall of random vectors", recall(t, db, targets(50, m.vector)))
}

// targets returns vectors as queries have them.
func targets(n int, vector func() []float32) (some []string) {
	for range n {
		text, _ := json.Marshal(vector())
		some = append(some, string(text))
	}
	return some
}

func exactly(of string) string {
	return fmt.Sprintf("SELECT META().id FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v, %s, 'L2_SQUARED') LIMIT 10", of)
}

func nearly(of string) string {
	return fmt.Sprintf("SELECT META().id FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v, %s, 'COSINE') LIMIT 10", of)
}

// recall returns which part of the nearest documents approximate searches find.
func recall(t *testing.T, db *store.DB, some []string) float64 {
	t.Helper()
	all := make([][]string, len(some))
	for i, of := range some {
		all[i] = ask(t, db, strings.Replace(nearly(of), "'COSINE')", "'COSINE', 64000)", 1)) // of all lists
	}
	found := 0
	for i, of := range some {
		for _, id := range ask(t, db, nearly(of)) {
			if slices.Contains(all[i], id) {
				found++
			}
		}
	}
	return float64(found) / float64(10*len(some))
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
