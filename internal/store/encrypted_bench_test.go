package store_test

import (
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/store"
)

// eachWay measures without and with encryption, in turns when -count is given.
func eachWay(b *testing.B, measure func(*testing.B, store.Options)) {
	b.Run("plain", func(b *testing.B) { measure(b, store.Options{}) })
	b.Run("encrypted", func(b *testing.B) { measure(b, store.Options{Secret: rawKey(b, testKey)}) })
}

func BenchmarkAtRestSave(b *testing.B) {
	eachWay(b, func(b *testing.B, o store.Options) {
		db := open(b, o)
		c := defaults(b, db)
		inBatches(b, db, func(tx *store.Tx, i int) error {
			_, err := tx.Save(c, store.Edit{ID: fmt.Sprintf("doc-%08d", i), Body: kilobyte})
			return err
		})
	})
}

// BenchmarkAtRestGet reads documents of a database that the page cache does not hold.
func BenchmarkAtRestGet(b *testing.B) {
	const count = 50_000
	eachWay(b, func(b *testing.B, o store.Options) {
		db := open(b, o)
		c := defaults(b, db)
		update(b, db, func(tx *store.Tx) error {
			for i := range count {
				if _, err := tx.Save(c, store.Edit{ID: fmt.Sprint(i), Body: kilobyte}); err != nil {
					return err
				}
			}
			return nil
		})
		i := 0
		for b.Loop() {
			i = (i + 7919) % count
			view(b, db, func(tx *store.Tx) error {
				_, err := tx.Document(c, fmt.Sprint(i))
				return err
			})
		}
	})
}

func BenchmarkAtRestBlob(b *testing.B) {
	const size = 16 << 20
	eachWay(b, func(b *testing.B, o store.Options) {
		db := open(b, o)
		content := strings.Repeat("x", size)
		b.SetBytes(2 * size)
		for b.Loop() {
			blob, err := db.OpenBlob(putBlob(b, db, content))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, blob); err != nil {
				b.Fatal(err)
			}
			blob.Close()
		}
	})
}

func BenchmarkAtRestOpen(b *testing.B) {
	eachWay(b, func(b *testing.B, o store.Options) {
		db := open(b, o)
		db.Close()
		for b.Loop() {
			opened, err := store.Open(background, db.Path(), o)
			if err != nil {
				b.Fatal(err)
			}
			opened.Close()
		}
	})
}
