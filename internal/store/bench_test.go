package store_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

var kilobyte = []byte(`{"text":"` + strings.Repeat("x", 1000) + `"}`)

func BenchmarkSave(b *testing.B) {
	for _, v := range []store.Versioning{store.VersionVectors, store.RevTrees} {
		b.Run(string(v), func(b *testing.B) {
			db := open(b, store.Options{Versioning: v})
			c := defaults(b, db)
			b.ReportAllocs()
			inBatches(b, db, func(tx *store.Tx, i int) error {
				_, err := tx.Save(c, store.Edit{ID: fmt.Sprintf("doc-%08d", i), Body: kilobyte})
				return err
			})
		})
	}
}

func BenchmarkReceive(b *testing.B) {
	db := open(b, store.Options{})
	c := defaults(b, db)
	source := revision.SourceFrom([16]byte{1, 2, 3})
	b.ReportAllocs()
	inBatches(b, db, func(tx *store.Tx, i int) error {
		rev := revision.Rev{ID: revision.NewVersion(revision.Time(1<<50+i), source)}
		_, err := tx.Receive(c, store.Incoming{ID: fmt.Sprintf("doc-%08d", i), Rev: rev, Body: kilobyte, Remote: 1})
		return err
	})
}

// inBatches runs do b.N times, 1000 to a transaction.
func inBatches(b *testing.B, db *store.DB, do func(tx *store.Tx, i int) error) {
	for i := 0; i < b.N; {
		err := db.Update(context.Background(), func(tx *store.Tx) error {
			for end := min(i+1000, b.N); i < end; i++ {
				if err := do(tx, i); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "docs/s")
}
