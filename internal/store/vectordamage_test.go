package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/store"
)

// Documents are more important than an index: damaged centroids keep nobody from saving or searching.
func TestDamagedCentroidsStopNobody(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	saveTwoLists(t, db, c)
	damageText(t, db, `UPDATE "vector_1_l lists" SET centroids = x'00', token = 'other'`)
	save(t, db, c, "new", `{"v":[0,0]}`)
	ranks(t, db, ofOneList, "new")
	if len(problems(t, db)) == 0 {
		t.Error("check found nothing")
	}
	if err := db.Compact(background); err != nil {
		t.Fatal(err)
	}
	sound(t, db)
	ranks(t, db, ofOneList, "new")
}

func TestTheCountOfVectorsInAFileIsNotBelieved(t *testing.T) {
	inFolders(t)
	t.Parallel()
	for _, live := range []string{"-5", "9223372036854775807"} {
		db := open(t, store.Options{})
		c := defaults(t, db)
		saveTwoLists(t, db, c)
		damageText(t, db, `UPDATE "vector_1_l state" SET live = `+live)
		ranks(t, db, ofOneList, "nearer")
		ranks(t, db, ofBothLists, "nearer")
	}
}

func TestAVectorIndexFollowsWhatMetaTells(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	save(t, db, c, "a", `{"n":1}`)
	i := flat
	i.Expressions = []string{"[META().sequence, n]"}
	createIndex(t, db, i)
	distance := "SELECT APPROX_VECTOR_DISTANCE([META().sequence, n], [0, 1]) AS d FROM _ ORDER BY d LIMIT 1"
	ranks(t, db, distance, "1.0")
	save(t, db, c, "a", `{"n":1}`)
	ranks(t, db, distance, "2.0")
	i.Expressions = []string{"[META().expiration, n]"}
	createIndex(t, db, i)
	update(t, db, func(tx *store.Tx) error { return tx.SetExpiry(c, "a", tx.Now().Add(time.Hour)) })
	sound(t, db)
	i.Expressions = []string{"[1, 2]"}
	if err := db.CreateIndex(background, c, i, nil); !errors.As(err, new(*syntax.Error)) {
		t.Errorf("an index of a constant: got %v, want it refused", err)
	}
}

func TestNamesOfIndexesDifferByMoreThanCase(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	createIndex(t, db, flat)
	value := store.Index{Name: "Flat", Expressions: []string{"n"}}
	other := flat
	other.Name = "FLAT"
	for _, i := range []store.Index{value, other} {
		if err := db.CreateIndex(background, c, i, nil); !errors.Is(err, fault.Invalid) {
			t.Errorf("%q: got %v, want %v", i.Name, err, fault.Invalid)
		}
	}
}

func TestAnIndexHasNoMoreInTheCacheThanItCounts(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	saveDrawn(t, db, c, 0, 2500, func() []byte { return []byte(`{"v":[9,9]}`) })
	save(t, db, c, "near", `{"v":[0,0]}`)
	createIndex(t, db, flat)
	damageText(t, db, `UPDATE "vector_1_flat state" SET live = -1`)
	ranks(t, db, nearest([]float32{0, 0}, "", 1), "near")
	if n := db.CachedVectors(); n > 2000 {
		t.Errorf("the cache has %d vectors that it does not count", n)
	}
}

func TestASearchThatWaitsForVectorsEndsWithItsContext(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	save(t, db, c, "a", `{"v":[0,0]}`)
	createIndex(t, db, flat)
	ranks(t, db, nearest([]float32{0, 0}, "", 1), "a")
	save(t, db, c, "b", `{"v":[1,0]}`)
	release := db.HoldVectors()
	ctx, cancel := context.WithCancel(background)
	time.AfterFunc(time.Millisecond, cancel)
	err := db.View(ctx, func(tx *store.Tx) error {
		_, err := search(tx, nearest([]float32{0, 0}, "", 1))
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	release()
	ranks(t, db, nearest([]float32{0, 0}, "", 1), "a")
}
