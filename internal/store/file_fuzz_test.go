package store_test

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/fuzzing"
	"github.com/tandemdb/tandem/internal/query/fulltext"
	"github.com/tandemdb/tandem/internal/store"
)

// FuzzFile opens a database whose file somebody has changed, and works with it. Every error must be
// a fault.Error.
func FuzzFile(f *testing.F) {
	good := databaseFile(f)
	f.Add(uint(0), []byte("no SQLite"))
	f.Add(uint(16), []byte{0, 1})          // the size of a page
	f.Add(uint(28), []byte{0x7f, 0xff})    // the number of pages
	f.Add(uint(60), []byte{0xff, 0xff})    // the schema's version
	f.Add(uint(100), []byte{5, 0xff, 0xf}) // the root of the schema
	f.Add(uint(4096), []byte{13, 0, 0, 0xff, 0xff})
	f.Add(uint(len(good)/2), make([]byte, 4096))
	f.Fuzz(func(t *testing.T, at uint, change []byte) {
		file := append([]byte(nil), good...)
		copy(file[at%uint(len(file)):], change)
		path := filepath.Join(t.TempDir(), "foreign.tandem")
		if err := os.Mkdir(path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(path, "db.sqlite3"), file, 0o600); err != nil {
			t.Fatal(err)
		}
		fuzzing.Within(t, 64<<20, func() {
			if err := useFile(path); err != nil && fault.Of(err) == nil {
				t.Errorf("%q at %d: %v is not a fault", change, at%uint(len(file)), err)
			}
		})
	})
}

// useFile reads, checks and writes the database at path.
func useFile(path string) (err error) {
	db, err := store.Open(background, path, store.Options{MustExist: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	if _, err := db.Check(background); err != nil {
		return err
	}
	c, err := db.Collection(background, "_default", "_default")
	if err != nil {
		return err
	}
	return db.Update(background, func(tx *store.Tx) error {
		if _, err := tx.Scan(c, store.Range{}, 100, store.Select{}); err != nil {
			return err
		}
		if _, err := tx.Changes(c, 0, 100, store.Select{}); err != nil {
			return err
		}
		if _, err := search(tx, "SELECT RANK(words) FROM _ WHERE MATCH(words, '1* OR \"7 7\"')"); err != nil {
			return err
		}
		_, err := tx.Save(c, store.Edit{ID: "doc7", Body: []byte(`{"n":77}`)})
		return err
	})
}

// databaseFile returns the file of a sound database with a few documents.
func databaseFile(t testing.TB) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "good.tandem")
	db, err := store.Open(background, path, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := defaults(t, db)
	createIndex(t, db, store.Index{Name: "words", Expressions: []string{"n"}, Text: &fulltext.Options{}})
	createIndex(t, db, store.Index{Name: "near", Expressions: []string{"[n, 1]"}, Vector: &store.VectorOptions{Dimensions: 2, Metric: "dot", Centroids: 2, MinTraining: 5}})
	for i := range 20 {
		save(t, db, c, "doc"+strconv.Itoa(i), `{"n":`+strconv.Itoa(i)+`}`)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(filepath.Join(path, "db.sqlite3"))
	if err != nil || len(file) < 4096 {
		t.Fatalf("the file has %d bytes: %v", len(file), err)
	}
	return file
}
