package store_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/storetest"
)

var background = context.Background()

func TestMain(m *testing.M) {
	if path := os.Getenv(childVariable); path != "" {
		os.Exit(child(path))
	}
	if url := os.Getenv(nodeVariable); url != "" {
		os.Exit(nodeChild(url))
	}
	goleak.VerifyTestMain(storetest.Tests{M: m})
}

// open opens a new database, and closes it at the end of the test.
func open(t testing.TB, o store.Options) *store.DB {
	t.Helper()
	if onPostgres() {
		if o.Secret != nil || o.Disk != nil {
			inFolders(t)
		}
		return openNode(t, postgresURL(t), o)
	}
	return openAt(t, filepath.Join(t.TempDir(), "test"+store.Extension), o)
}

func openAt(t testing.TB, path string, o store.Options) *store.DB {
	t.Helper()
	inFolders(t)
	db, err := store.Open(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

// defaults returns the default collection of db.
func defaults(t testing.TB, db *store.DB) *store.Collection {
	t.Helper()
	c, err := db.Collection(context.Background(), store.DefaultName, store.DefaultName)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// update runs fn, which must succeed.
func update(t testing.TB, db *store.DB, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := db.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// view runs fn, which must succeed.
func view(t testing.TB, db *store.DB, fn func(tx *store.Tx) error) {
	t.Helper()
	if err := db.View(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// save stores a body and returns the new head.
func save(t testing.TB, db *store.DB, c *store.Collection, id, body string) (d *store.Document) {
	t.Helper()
	update(t, db, func(tx *store.Tx) (err error) {
		d, err = tx.Save(c, store.Edit{ID: id, Body: []byte(body)})
		return err
	})
	return d
}

// get reads a document; nil means that it does not exist.
func get(t testing.TB, db *store.DB, c *store.Collection, id string) (d *store.Document) {
	t.Helper()
	view(t, db, func(tx *store.Tx) (err error) {
		d, err = tx.Document(c, id)
		if errors.Is(err, fault.NotFound) {
			return nil
		}
		return err
	})
	return d
}

func TestEachEditContinuesFromTheLast(t *testing.T) {
	for _, v := range []store.Versioning{store.VersionVectors, store.RevTrees} {
		t.Run(string(v), func(t *testing.T) {
			db := open(t, store.Options{Versioning: v})
			c := defaults(t, db)
			first := save(t, db, c, "a", `{ "x" : 1 }`)
			if string(first.Body) != `{"x":1}` || first.Sequence != 1 {
				t.Fatalf("first save: got %+v", first)
			}
			second := save(t, db, c, "a", `{"x":2}`)
			if second.Sequence != 2 || revision.Compare(second.Rev, first.Rev) != revision.Newer {
				t.Fatalf("second save: got %+v", second)
			}
			update(t, db, func(tx *store.Tx) error {
				_, err := tx.Save(c, store.Edit{ID: "a", Deleted: true})
				return err
			})
			d := get(t, db, c, "a")
			if d == nil || !d.Deleted || string(d.Body) != "{}" || d.Sequence != 3 {
				t.Fatalf("after deletion: got %+v", d)
			}
			again := save(t, db, c, "a", `{"x":3}`)
			if revision.Compare(again.Rev, d.Rev) != revision.Newer {
				t.Errorf("a save over a tombstone does not continue from it: %v after %v", again.Rev, d.Rev)
			}
		})
	}
}
