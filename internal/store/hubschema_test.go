package store_test

import (
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/postgres"
)

// older are the statements that bring a schema back to an older format.
var older = []string{
	`DROP TABLE inbox, inbox_failed`, `DROP FUNCTION IF EXISTS inbox_news`,
	`ALTER TABLE hub DROP incarnation, DROP line`,
	`DROP TABLE dropped`,
	`UPDATE hub SET format = 1`,
}

// TestAnOlderSchemaIsUpgraded lets several nodes upgrade a schema at once.
func TestAnOlderSchemaIsUpgraded(t *testing.T) {
	url := postgresURL(t)
	db := openOnce(t, url, store.Options{})
	d := save(t, db, defaults(t, db), "a", `{"n":1}`)
	checked(t, db)
	run(t, url, older...)
	_, err := store.OpenHub(background, postgres.Engine{}, url, store.Options{ReadOnly: true})
	if !errors.Is(err, fault.NotWriteable) || fault.HintOf(err) == "" {
		t.Errorf("a read-only node: %v", err)
	}
	var work sync.WaitGroup
	for range 4 {
		work.Go(func() {
			db, err := store.OpenHub(background, postgres.Engine{MaxConns: 2}, url, store.Options{})
			if err != nil {
				t.Error(err)
				return
			}
			checked(t, db)
		})
	}
	work.Wait()
	db = openNode(t, url, store.Options{})
	if is := get(t, db, defaults(t, db), "a"); is == nil || is.Rev.ID != d.Rev.ID {
		t.Errorf("the document is %+v after the upgrade, want %+v", is, d)
	}
	if n := bySQL[int](t, url, `SELECT format FROM hub`); n != 3 {
		t.Errorf("the format is %d", n)
	}
	checked(t, openOnce(t, url, store.Options{ReadOnly: true}))
}

// TestAnUpgradeEndsOlderPrograms raises the format while a node has the database open.
func TestAnUpgradeEndsOlderPrograms(t *testing.T) {
	dbs, url := nodes(t, 1, store.Options{})
	db, c := dbs[0], defaults(t, dbs[0])
	save(t, db, c, "a", `{}`)
	run(t, url, `UPDATE hub SET format = 99`)
	err := db.Update(background, func(tx *store.Tx) error {
		_, err := tx.Save(c, store.Edit{ID: "b"})
		return err
	})
	if !errors.Is(err, fault.TooNew) || get(t, db, c, "b") != nil {
		t.Errorf("got %v, want too new", err)
	}
	run(t, url, `UPDATE hub SET format = 3`)
}

func TestAnAlteredSchemaIsRefused(t *testing.T) {
	for what, sql := range map[string]string{
		"collection.live":     `ALTER TABLE collection DROP live`,
		"value.value":         `ALTER TABLE value ALTER value TYPE text USING ''`,
		"conflict.number":     `DROP TABLE conflict`,
		"_default.known text": `ALTER TABLE "_default._default" DROP known`,
		"_default.id text":    `DROP TABLE "_default._default" CASCADE`,
	} {
		t.Run(what, func(t *testing.T) {
			url := postgresURL(t)
			checked(t, openOnce(t, url, store.Options{}))
			run(t, url, sql)
			db, err := store.OpenHub(background, postgres.Engine{}, url, store.Options{})
			if err == nil {
				_ = db.Close()
			}
			name, _, _ := strings.Cut(what, " ")
			if !errors.Is(err, fault.CorruptData) || !strings.Contains(err.Error(), name) || fault.HintOf(err) == "" {
				t.Errorf("got %v (hint %q), want one that names %s", err, fault.HintOf(err), name)
			}
		})
	}
}

// TestACollectionThatIsMadeAnewIsAnother deletes a collection and makes it anew, while another node has the old one in
// mind.
func TestACollectionThatIsMadeAnewIsAnother(t *testing.T) {
	dbs, url := nodes(t, 2, store.Options{})
	a, b := dbs[0], dbs[1]
	make1 := func(db *store.DB) *store.Collection {
		c, err := db.CreateCollection(background, "shop", "items")
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	old := make1(b)
	save(t, b, old, "old", `{"n":1}`)
	if err := a.DeleteCollection(background, "shop", "items"); err != nil {
		t.Fatal(err)
	}
	c := make1(a)
	save(t, a, c, "new", `{"n":2}`)
	err := b.Update(background, func(tx *store.Tx) error {
		_, err := tx.Save(old, store.Edit{ID: "stray"})
		return err
	})
	if !errors.Is(err, fault.NotFound) {
		t.Errorf("a save into the deleted collection: %v", err)
	}
	if err := b.View(background, func(tx *store.Tx) error { _, err := tx.Document(old, "new"); return err }); !errors.Is(err, fault.NotFound) {
		t.Errorf("the deleted collection has a document of the new one: %v", err)
	}
	of := make1(b)
	if of.Number() != c.Number() || get(t, b, of, "new") == nil || get(t, b, of, "old") != nil || get(t, b, of, "stray") != nil {
		t.Error("the new collection has not its own document alone")
	}
	if n := bySQL[int](t, url, `SELECT sum((doc->>'n')::int) FROM "shop.items live"`); n != 2 {
		t.Errorf("the view reads %d, want the new collection", n)
	}
	if tab := bySQL[string](t, url, `SELECT tab FROM collection WHERE name = 'items'`); tab != "shop.items~2" {
		t.Errorf("the table is %q", tab)
	}
}
