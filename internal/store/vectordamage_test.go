package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/store"
)

// Documents are more important than an index: damaged centroids keep nobody from saving or searching.
func TestDamagedCentroidsStopNobody(t *testing.T) {
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
