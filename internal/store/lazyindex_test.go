package store_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/tandemdb/tandem/internal/store"
)

var lazy = store.Index{Name: "lazy", Expressions: []string{"name"}, Vector: &store.VectorOptions{Dimensions: 2, Metric: "euclidean", Lazy: true}}

// setAll sets the vectors of all documents that wait, and returns how many did.
func setAll(t testing.TB, db *store.DB, c *store.Collection) (n int) {
	t.Helper()
	update(t, db, func(tx *store.Tx) error {
		all, err := tx.LazyVectors(c, "lazy", 10_000)
		for i := range all {
			all[i].Vector = []float32{float32(len(all[i].Source)), 0}
		}
		n = len(all)
		return errors.Join(err, tx.SetLazyVectors(c, "lazy", all))
	})
	return n
}

// waiting returns the IDs of documents that wait for their vectors.
func waiting(t testing.TB, db *store.DB, c *store.Collection, most int) (ids []string) {
	t.Helper()
	view(t, db, func(tx *store.Tx) error {
		all, err := tx.LazyVectors(c, "lazy", most)
		for _, v := range all {
			ids = append(ids, v.ID)
		}
		return err
	})
	return ids
}

func TestALazyIndexIsUpdatedWhileItIsBuilt(t *testing.T) {
	inFolders(t)
	t.Parallel()
	for how, goOn := range map[string]func(db *store.DB, c *store.Collection) error{
		"create": func(db *store.DB, c *store.Collection) error { return db.CreateIndex(background, c, lazy, nil) },
		"repair": func(db *store.DB, _ *store.Collection) error { return db.Compact(background) },
	} {
		t.Run(how, func(t *testing.T) {
			t.Parallel()
			db := open(t, store.Options{})
			c := defaults(t, db)
			n := 0
			saveDrawn(t, db, c, 0, 1100, func() []byte { n++; return fmt.Appendf(nil, `{"name":"n%d"}`, n) })
			ctx, cancel := context.WithCancel(background)
			if err := db.CreateIndex(ctx, c, lazy, func(int64, int64) { cancel() }); !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v, want it cut off", err)
			}
			save(t, db, c, "x", `{"name":"x"}`)
			if n := setAll(t, db, c); n != 1001 {
				t.Errorf("%d documents waited, want 1001", n)
			}
			if err := goOn(db, c); err != nil {
				t.Fatal(err)
			}
			if n := setAll(t, db, c); n != 100 {
				t.Errorf("%d documents waited, want the 100 that have no vector", n)
			}
			sound(t, db)
		})
	}
}

// A vector of a lazy index may have been paid for, so it goes only with what it was made of.
func TestALazyIndexThatIsBuiltAnewKeepsVectors(t *testing.T) {
	inFolders(t)
	t.Parallel()
	for what, damage := range map[string]string{
		"another version":   `UPDATE info SET value = CAST(replace(CAST(value AS TEXT), 'functions ', 'functions 0') AS BLOB) WHERE space = 'index/1'`,
		"a missing trigger": `DROP TRIGGER "vector_1_lazy update"`,
		"a missing table":   `DROP TABLE "vector_1_lazy state"`,
		"an unknown source": `UPDATE "vector_1_lazy vectors" SET source = x'00' WHERE id = 'b'`,
		"a short vector":    `UPDATE "vector_1_lazy vectors" SET vector = x'00' WHERE id = 'b'`,
		"a stray vector":    `INSERT INTO "vector_1_lazy vectors" (id, vector) VALUES ('ghost', zeroblob(8))`,
		"a document twice":  `INSERT INTO "vector_1_lazy waiting" (id) VALUES ('b')`,
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			db := open(t, store.Options{})
			c := defaults(t, db)
			save(t, db, c, "a", `{"name":"pear"}`)
			save(t, db, c, "b", `{"name":"banana"}`)
			save(t, db, c, "none", `{}`)
			createIndex(t, db, lazy)
			setAll(t, db, c)
			sound(t, db)
			damageText(t, db, damage)
			if len(problems(t, db)) == 0 {
				t.Error("check found nothing")
			}
			if err := db.Compact(background); err != nil {
				t.Fatal(err)
			}
			for _, id := range waiting(t, db, c, 10) {
				if id != "b" || what != "an unknown source" && what != "a short vector" {
					t.Errorf("%q waits again", id)
				}
			}
			setAll(t, db, c)
			sound(t, db)
			ranks(t, db, "SELECT META().id FROM _ ORDER BY APPROX_VECTOR_DISTANCE(name, [0, 0]) LIMIT 10", "a", "b")
		})
	}
}

func TestSkippedDocumentsWaitBehindTheOthers(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	createIndex(t, db, lazy)
	for i := range 5 {
		save(t, db, c, fmt.Sprint(i), `{"name":"x"}`)
	}
	seen := ""
	for range 3 {
		update(t, db, func(tx *store.Tx) error {
			all, err := tx.LazyVectors(c, "lazy", 2)
			for i := range all {
				all[i].Skip = true
				seen += all[i].ID
			}
			return errors.Join(err, tx.SetLazyVectors(c, "lazy", all))
		})
	}
	if seen != "012340" {
		t.Errorf("got the documents %s, want 012340", seen)
	}
	sound(t, db)
}
