package store_test

import (
	"testing"

	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/postgres"
)

// TestAContentThatIsYoungerThanTheTransactionIsFound stores a content while the transaction of a portable node runs, which
// refers to it then.
func TestAContentThatIsYoungerThanTheTransactionIsFound(t *testing.T) {
	db, err := store.OpenHub(background, postgres.Engine{Portable: true}, postgresURL(t), store.Options{Versioning: store.RevTrees})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { checked(t, db) })
	c, digest, runs := defaults(t, db), "", 0
	save(t, db, c, "a", `{}`)
	err = db.Update(background, func(tx *store.Tx) error {
		if runs++; runs == 1 {
			if _, err := tx.Head(c, "a"); err != nil {
				return err
			}
			digest = putBlob(t, db, "hello there!")
		}
		_, err := tx.Receive(c, store.Incoming{ID: "d", Rev: rev(t, "1-aa", ""), Body: []byte(blobBody(digest))})
		return err
	})
	if err != nil {
		t.Errorf("after %d runs: %v", runs, err)
	}
}
