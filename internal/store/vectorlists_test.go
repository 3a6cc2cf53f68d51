package store_test

import (
	"fmt"
	"testing"

	"github.com/tandemdb/tandem/internal/store"
)

// trained returns the token of an index's centroids.
func trained(t testing.TB, db *store.DB, c *store.Collection, name string) (token string) {
	t.Helper()
	view(t, db, func(tx *store.Tx) (err error) { token, err = store.Trained(tx, c, name); return err })
	return token
}

// divided opens a database with so many vectors, whose index is divided into lists.
func divided(t testing.TB, o store.Options, n int) (*store.DB, *store.Collection, *meanings) {
	t.Helper()
	db := open(t, o)
	c := defaults(t, db)
	m := newMeanings(32)
	saveDrawn(t, db, c, 0, n, m.document)
	createIndex(t, db, inLists)
	return db, c, m
}

// An index with four times as many vectors as its lists were made for gets others, beside searches and writers.
func TestAGrownIndexIsDividedAnew(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db, c, m := divided(t, store.Options{}, 400)
	query := nearest(m.vector(), "", 5)
	first := trained(t, db, c, "lists")
	saveDrawn(t, db, c, 400, 1500, m.document)
	find(t, db, query)
	db.AwaitTraining()
	if now := trained(t, db, c, "lists"); now != first {
		t.Error("it was divided anew too soon")
	}
	for from := 1500; from < 6400; from += 100 { // writes go on while a search has it divided
		saveDrawn(t, db, c, from, from+100, m.document)
		if found, _ := find(t, db, query); len(found) != 5 {
			t.Fatalf("got %q, want five", found)
		}
	}
	db.AwaitTraining()
	if second := trained(t, db, c, "lists"); second == first || second == "" {
		t.Errorf("got the centroids %q, want others than %q", second, first)
	}
	sound(t, db)
	if n := db.CentroidBytes(); n > 2*16*33*4 {
		t.Errorf("the centroids of %d bytes are kept, want those of two divisions at most", n)
	}
}

// A division that was cut off is gone on with by a later search, and its lists have what came meanwhile.
func TestADivisionThatWasCutOffGoesOn(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db, c, m := divided(t, store.Options{}, 1200)
	damageText(t, db, `INSERT INTO "vector_1_lists lists" SELECT 1, 'next', centroids, 0, size FROM "vector_1_lists lists"`)
	saveDrawn(t, db, c, 1200, 1300, m.document)
	update(t, db, func(tx *store.Tx) error { return tx.Purge(c, "7") })
	sound(t, db)
	find(t, db, nearest(m.vector(), "", 5))
	db.AwaitTraining()
	if now := trained(t, db, c, "lists"); now != "next" {
		t.Errorf("got the centroids %q, want the next ones", now)
	}
	sound(t, db)
	saveDrawn(t, db, c, 1250, 1400, m.document)
	update(t, db, func(tx *store.Tx) error { return tx.Purge(c, "8") })
	sound(t, db)
}

// A search reads the vectors of its lists into memory, and no others.
func TestASearchReadsTheVectorsOfItsLists(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db, _, m := divided(t, store.Options{}, 1600)
	for range 3 { // the same ones
		find(t, db, nearest(m.vector(), "", 5))
		if n := db.CachedVectors(); n == 0 || n > 1200 {
			t.Fatalf("%d of 1600 vectors are in memory, want those of a few lists", n)
		}
	}
}

// The cache counts centroids, which take the room of vectors.
func TestCentroidsCountInTheCache(t *testing.T) {
	inFolders(t)
	t.Parallel()
	const centroids = 16 * 33 * 4
	for room, want := range map[int64]bool{centroids: false, centroids + 3000*(4*32+24): true} {
		db, _, m := divided(t, store.Options{VectorCache: room}, 500)
		query := nearest(m.vector(), "", 5)
		for range 3 {
			view(t, db, func(*store.Tx) error { find(t, db, query); return nil }) // on more than one connection
		}
		if n := db.CentroidBytes(); n != centroids {
			t.Errorf("the centroids take %d bytes, want %d", n, centroids)
		}
		if n := db.CachedVectors(); n > 0 != want {
			t.Errorf("with room for %d bytes, %d vectors are in memory", room, n)
		}
	}
}

// The index counts documents whose value is no vector.
func TestDocumentsThatAreLeftOutAreCounted(t *testing.T) {
	inFolders(t)
	t.Parallel()
	for what, of := range map[string]store.Index{
		"a property": flat, "an expression": {Name: "flat", Expressions: []string{"IFMISSING(v, NULL)"}, Vector: flat.Vector},
	} {
		db := open(t, store.Options{})
		c := defaults(t, db)
		left := func(want int64) {
			t.Helper()
			view(t, db, func(tx *store.Tx) error {
				n, err := tx.LeftOut(c, "flat")
				if n != want {
					t.Errorf("%s: %d documents are left out, want %d", what, n, want)
				}
				return err
			})
			sound(t, db)
		}
		for i, v := range []string{`[1,2]`, `[1]`, `[1,2,3]`, `"no base64"`, `"AADAfwAAAAA="`, `{}`, `7`, `[1,"2"]`, `null`} {
			save(t, db, c, fmt.Sprint(i), `{"v":`+v+`}`)
		}
		save(t, db, c, "missing", `{}`)
		createIndex(t, db, of)
		left(7)
		save(t, db, c, "1", `{"v":[3,4]}`)
		save(t, db, c, "0", `{"v":[0]}`)
		save(t, db, c, "2", `{"v":null}`)
		save(t, db, c, "new", `{"v":"x"}`)
		left(7)
		update(t, db, func(tx *store.Tx) error {
			_, err := tx.Save(c, store.Edit{ID: "new", Deleted: true})
			return err
		})
		update(t, db, func(tx *store.Tx) error { return tx.Purge(c, "3") })
		left(5)
		save(t, db, c, "4", `{"v":[1]}`) // another value that is none
		left(5)
	}
}

// Other numbers for searches and training do not build an index anew, and nothing takes the vectors of a lazy one away.
func TestAnIndexKeepsItsVectorsThroughANewDefinition(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	saveTwoLists(t, db, c)
	was := trained(t, db, c, "l")
	tuned := vectorIndex("l", *twoLists.Vector)
	tuned.Vector.Probes, tuned.Vector.MinTraining = 2, 5
	createIndex(t, db, tuned)
	if now := trained(t, db, c, "l"); now != was || was == "" {
		t.Errorf("got the centroids %q, want still %q", now, was)
	}
	sound(t, db)
	save(t, db, c, "b", `{"name":"banana","n":1}`)
	createIndex(t, db, lazy)
	setAll(t, db, c)
	for _, change := range []func(*store.VectorOptions){
		func(o *store.VectorOptions) { o.Metric = "dot" }, func(o *store.VectorOptions) { o.Centroids = 3 },
		func(o *store.VectorOptions) { o.Probes = 2 },
	} {
		o := *lazy.Vector
		change(&o)
		if o.Centroids == 0 && o.Probes > 0 {
			o.Centroids = 3
		}
		createIndex(t, db, store.Index{Name: "lazy", Expressions: lazy.Expressions, Vector: &o})
		if ids := waiting(t, db, c, 10); len(ids) > 0 {
			t.Errorf("%+v: %q wait again", o, ids)
		}
		ranks(t, db, "SELECT META().id FROM _ ORDER BY APPROX_VECTOR_DISTANCE(name, [0, 0]) LIMIT 1", "b")
		sound(t, db)
	}
	createIndex(t, db, store.Index{Name: "lazy", Expressions: []string{"n"}, Vector: lazy.Vector}) // made of something else
	if ids := waiting(t, db, c, 10); len(ids) != 1 {
		t.Errorf("%q wait for vectors made of another value, want one document", ids)
	}
	sound(t, db)
}
