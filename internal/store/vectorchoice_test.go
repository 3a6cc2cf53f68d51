package store_test

import (
	"context"
	"errors"
	"testing"

	"github.com/tandemdb/tandem/internal/store"
)

func TestAQueryChoosesAmongVectorIndexes(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	saveDrawn(t, db, c, 0, 1100, func() []byte { return []byte(`{"v":[3,4]}`) })
	createIndex(t, db, flat)
	ctx, cancel := context.WithCancel(background)
	other := vectorIndex("another", store.VectorOptions{Dimensions: 2, Metric: "dot"})
	if err := db.CreateIndex(ctx, c, other, func(int64, int64) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want it cut off", err)
	}
	plain := "SELECT APPROX_VECTOR_DISTANCE(v, [0, 0]) AS d FROM _ ORDER BY d LIMIT 1"
	ranks(t, db, plain, "5.0")
	refuses(t, db, "SELECT APPROX_VECTOR_DISTANCE(v, [1, 1], 'DOT') AS d FROM _ ORDER BY d LIMIT 1", "not built yet")
	createIndex(t, db, other)
	refuses(t, db, plain, "different metrics")
	ranks(t, db, "SELECT APPROX_VECTOR_DISTANCE(v, [1, 1], 'DOT') AS d FROM _ ORDER BY d LIMIT 1", "-7.0")
	ranks(t, db, "SELECT APPROX_VECTOR_DISTANCE(v, [0, 0], 'EUCLIDEAN') AS d FROM _ ORDER BY d LIMIT 1", "5.0")
}

// twoLists is an index of whose two lists a search reads one.
var twoLists = vectorIndex("l", store.VectorOptions{Dimensions: 2, Metric: "euclidean", Centroids: 2, MinTraining: 2, Probes: 1})

// saveTwoLists saves far documents, and two that are near to the origin.
func saveTwoLists(t testing.TB, db *store.DB, c *store.Collection) {
	t.Helper()
	saveDrawn(t, db, c, 0, 20, func() []byte { return []byte(`{"v":[9,9]}`) })
	save(t, db, c, "near", `{"v":[0.5,0]}`)
	save(t, db, c, "nearer", `{"v":[0.2,0]}`)
	createIndex(t, db, twoLists)
}

const (
	ofOneList   = "SELECT META().id FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v, [0, 0]) LIMIT 1"
	ofBothLists = "SELECT META().id FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v, [0, 0], 'EUCLIDEAN', 2) LIMIT 1"
)

// The transaction cannot read lists into memory, and finds what others have committed since that was done.
func TestATransactionSearchesWhatIsInNoListYet(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	saveTwoLists(t, db, c)
	ranks(t, db, ofOneList, "nearer")
	save(t, db, c, "new", `{"v":[0,0]}`)
	ranks(t, db, ofBothLists, "new") // reads the vector, but not its list
	update(t, db, func(tx *store.Tx) error {
		if _, err := tx.Save(c, store.Edit{ID: "other", Body: []byte(`{}`)}); err != nil {
			return err
		}
		found, err := search(tx, ofOneList)
		if len(found) != 1 || found[0] != "new" {
			t.Errorf("within a transaction: got %q, want the new document", found)
		}
		return err
	})
	ranks(t, db, ofOneList, "new")
}

// The lists in memory may have been read after the snapshot, and lack what has been purged since.
func TestAnOldSnapshotSearchesItsLists(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	saveTwoLists(t, db, c)
	view(t, db, func(old *store.Tx) error {
		if _, err := search(old, ofBothLists); err != nil { // reads the vectors into memory
			return err
		}
		update(t, db, func(tx *store.Tx) error { return tx.Purge(c, "nearer") })
		ranks(t, db, ofOneList, "near") // reads the lists into memory
		found, err := search(old, ofOneList)
		if len(found) != 1 || found[0] != "nearer" {
			t.Errorf("in the old snapshot: got %q, want the document that it has", found)
		}
		return err
	})
	ranks(t, db, ofOneList, "near")
}
