package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

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

// BenchmarkBareInsert shows the ceiling: it inserts the same rows without this package.
func BenchmarkBareInsert(b *testing.B) {
	c, err := sqlite3.Open(filepath.Join(b.TempDir(), "bare.sqlite3"))
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	err = c.Exec(`PRAGMA page_size=8192; PRAGMA journal_mode=wal; PRAGMA synchronous=normal; PRAGMA wal_autocheckpoint=4096;
		CREATE TABLE docs (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, rev TEXT NOT NULL, body TEXT NOT NULL)`)
	if err != nil {
		b.Fatal(err)
	}
	insert, _, err := c.Prepare(`INSERT INTO docs VALUES (?, ?, ?, ?)`)
	if err != nil {
		b.Fatal(err)
	}
	for i := 0; i < b.N; {
		if err := c.Exec(`BEGIN IMMEDIATE`); err != nil {
			b.Fatal(err)
		}
		for end := min(i+1000, b.N); i < end; i++ {
			err := errors.Join(insert.BindInt64(1, int64(i+1)), insert.BindText(2, fmt.Sprintf("doc-%08d", i)),
				insert.BindText(3, "18a3f2c1d5e70000@AbCdEf0123456789+/abcA"), insert.BindRawText(4, kilobyte), insert.Exec())
			if err != nil {
				b.Fatal(err)
			}
		}
		if err := c.Exec(`COMMIT`); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "docs/s")
}

// BenchmarkReceiveRandom receives IDs in random order, the worst case for the index.
func BenchmarkReceiveRandom(b *testing.B) {
	db := open(b, store.Options{})
	c := defaults(b, db)
	source := revision.SourceFrom([16]byte{1, 2, 3})
	inBatches(b, db, func(tx *store.Tx, i int) error {
		rev := revision.Rev{ID: revision.NewVersion(revision.Time(1<<50+i), source)}
		id := fmt.Sprintf("%016x", rand.Uint64())
		_, err := tx.Receive(c, store.Incoming{ID: id, Rev: rev, Body: kilobyte, Remote: 1})
		return err
	})
}

// BenchmarkEdit changes documents that a remote has, so that each keeps a delta base.
func BenchmarkEdit(b *testing.B) {
	db := open(b, store.Options{})
	c := defaults(b, db)
	fill(b, db, c, 1, 10_000)
	inBatches(b, db, func(tx *store.Tx, i int) error {
		_, err := tx.Save(c, store.Edit{ID: fmt.Sprintf("doc-%08d", i%10_000), Body: kilobyte})
		return err
	})
}

// BenchmarkMarkTaken marks documents that a remote has taken, one by one and as a run of sequences.
func BenchmarkMarkTaken(b *testing.B) {
	const n = 10_000
	for name, mark := range map[string]func(*store.Tx, *store.Collection, []*store.Document) error{
		"each": func(tx *store.Tx, c *store.Collection, docs []*store.Document) error {
			for _, d := range docs {
				if err := tx.MarkTaken(c, d.ID, 2, d.Rev, ""); err != nil {
					return err
				}
			}
			return nil
		},
		"run": func(tx *store.Tx, c *store.Collection, docs []*store.Document) error {
			_, err := tx.MarkRunTaken(c, 2, docs[0].Sequence, docs[len(docs)-1].Sequence)
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			var took time.Duration
			for range b.N {
				db := open(b, store.Options{})
				c := defaults(b, db)
				fill(b, db, c, 0, n)
				begin := time.Now()
				for since := store.Sequence(0); since < n; since += 1000 {
					update(b, db, func(tx *store.Tx) error {
						docs, err := tx.Changes(c, since, 1000, store.Select{})
						if err != nil {
							return err
						}
						return mark(tx, c, docs)
					})
				}
				took += time.Since(begin)
			}
			b.ReportMetric(float64(took.Nanoseconds())/float64(b.N)/n, "ns/doc")
		})
	}
}

// BenchmarkUpdate commits one document at a time; its parallel variants share commits.
func BenchmarkUpdate(b *testing.B) {
	db := open(b, store.Options{})
	c := defaults(b, db)
	var n atomic.Int64
	one := func(tx *store.Tx) error {
		_, err := tx.Save(c, store.Edit{ID: fmt.Sprintf("doc-%08d", n.Add(1)), Body: kilobyte})
		return err
	}
	b.Run("alone", func(b *testing.B) {
		for b.Loop() {
			if err := db.Update(background, one); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if err := db.Update(background, one); err != nil {
					b.Error(err)
				}
			}
		})
	})
}

func BenchmarkRead(b *testing.B) {
	db := open(b, store.Options{})
	c := defaults(b, db)
	const n = 50_000
	fill(b, db, c, 1, n)
	b.Run("Document", func(b *testing.B) {
		b.ReportAllocs()
		view(b, db, func(tx *store.Tx) error {
			for i := range b.N {
				if _, err := tx.Document(c, fmt.Sprintf("doc-%08d", i*7919%n)); err != nil {
					return err
				}
			}
			return nil
		})
	})
	b.Run("Changes", func(b *testing.B) {
		b.ReportAllocs()
		view(b, db, func(tx *store.Tx) error {
			since := store.Sequence(0)
			for left := b.N; left > 0; {
				docs, err := tx.Changes(c, since, min(left, 200), store.Select{WithBody: true})
				if err != nil {
					return err
				}
				left -= len(docs)
				since = docs[len(docs)-1].Sequence % n
			}
			return nil
		})
	})
}

// fill adds documents that remote has.
func fill(b *testing.B, db *store.DB, c *store.Collection, remote store.Remote, n int) {
	b.Helper()
	source := revision.SourceFrom([16]byte{1, 2, 3})
	update(b, db, func(tx *store.Tx) error {
		for i := range n {
			in := store.Incoming{ID: fmt.Sprintf("doc-%08d", i), Body: kilobyte, Remote: remote}
			in.Rev.ID = revision.NewVersion(revision.Time(1<<50+i), source)
			if _, err := tx.Receive(c, in); err != nil {
				return err
			}
		}
		return nil
	})
	b.ResetTimer()
}

// BenchmarkReadTogether reads documents from 64 goroutines at once.
func BenchmarkReadTogether(b *testing.B) {
	db := open(b, store.Options{})
	c := defaults(b, db)
	fill(b, db, c, 1, 1000)
	var n atomic.Int64
	b.SetParallelism(max(1, 64/runtime.GOMAXPROCS(0)))
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			err := db.View(context.Background(), func(tx *store.Tx) error {
				_, err := tx.Document(c, fmt.Sprintf("doc-%08d", n.Add(1)%1000))
				return err
			})
			if err != nil {
				b.Error(err)
			}
		}
	})
}
