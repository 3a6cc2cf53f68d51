package store_test

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/postgres"
	"github.com/tandemdb/tandem/internal/store/storetest"
	"github.com/tandemdb/tandem/internal/testsize"
)

// TestAStatementInTheWayOfOthersIsDoneAgain has each statement of each kind of work fail in its turn, as the server fails what is in
// the way of another transaction. Nobody may notice.
func TestAStatementInTheWayOfOthersIsDoneAgain(t *testing.T) {
	for _, engine := range []postgres.Engine{{}, {Portable: true}} {
		t.Run(fmt.Sprint("portable ", engine.Portable), func(t *testing.T) {
			t.Parallel()
			work := []struct {
				name string
				do   func(*testing.T, *store.DB, int) error
			}{
				{"read", readTwice},
				{"save", saveOnce},
				{"store a blob", storeBlob},
				{"make and delete a collection", makeAndDelete},
				{"clean up", func(_ *testing.T, db *store.DB, _ int) error { return db.Compact(background) }},
				{"check", checkWhole},
			}
			injector, url := storetest.StartInjector(t, storetest.Plain(postgresURL(t)))
			open := func() *store.DB {
				db, err := store.OpenHub(background, engine, url, store.Options{})
				if err != nil {
					t.Fatal(err)
				}
				return db
			}
			for n, failed := 1, -1; failed != injector.FailAt(0); n++ { // until there is no nth statement
				failed = injector.FailAt(n)
				if err := open().Close(); err != nil {
					t.Errorf("statement %d of open: %v", n, err)
				}
			}
			db := open()
			defer checked(t, db)
			for _, w := range work {
				n := 1
				for failed := -1; failed != injector.FailAt(0); n++ {
					failed = injector.FailAt(n)
					if err := w.do(t, db, n); err != nil {
						t.Errorf("statement %d of %s: %v", n, w.name, err)
					}
				}
				if n < 3 {
					t.Errorf("%s has no statements", w.name)
				}
			}
		})
	}
}

func readTwice(t *testing.T, db *store.DB, n int) error {
	c := defaults(t, db)
	return db.View(background, func(tx *store.Tx) error {
		if _, err := tx.Document(c, "none"); !errors.Is(err, fault.NotFound) {
			return err
		}
		if _, err := tx.Changes(c, 0, 10, store.Select{WithBody: true}); err != nil {
			return err
		}
		_, err := tx.Info("space", fmt.Sprint(n))
		return err
	})
}

func saveOnce(t *testing.T, db *store.DB, n int) error {
	id := fmt.Sprint(n)
	err := db.Update(background, func(tx *store.Tx) error {
		_, err := tx.Save(defaults(t, db), store.Edit{ID: id, Body: []byte(`{}`)})
		return err
	})
	if d := get(t, db, defaults(t, db), id); err == nil && (d == nil || d.Rev.ID == "") {
		return fmt.Errorf("%s was not stored", id)
	}
	return err
}

func storeBlob(t *testing.T, db *store.DB, n int) error {
	content := slices.Repeat([]byte{byte(n)}, 300<<10)
	r, err := db.OpenBlob(putContent(t, db, content))
	if err != nil {
		return err
	}
	defer r.Close()
	got, err := io.ReadAll(r)
	if err == nil && !slices.Equal(got, content) {
		return errors.New("the content is another")
	}
	return err
}

func makeAndDelete(t *testing.T, db *store.DB, n int) error {
	name := fmt.Sprint("c", n)
	c, err := db.CreateCollection(background, "shop", name)
	if err != nil {
		return err
	}
	save(t, db, c, "a", `{}`)
	return db.DeleteCollection(background, "shop", name)
}

func checkWhole(_ *testing.T, db *store.DB, _ int) error {
	problems, err := db.Check(background)
	if len(problems) > 0 {
		return fmt.Errorf("the check finds %v", problems)
	}
	return err
}

// TestAReadThatMustNotRunAgainSaysBusy has the second statement of a view fail.
func TestAReadThatMustNotRunAgainSaysBusy(t *testing.T) {
	injector, url := storetest.StartInjector(t, postgresURL(t))
	db := openNode(t, url, store.Options{})
	c := defaults(t, db)
	for name, view := range map[string]func() (ran int, err error){
		"again": func() (ran int, err error) {
			return ran, db.View(background, func(tx *store.Tx) error { ran++; return readFailing(tx, c, injector, ran) })
		},
		"once": func() (ran int, err error) {
			return ran, db.ViewOnce(background, func(tx *store.Tx) error { ran++; return readFailing(tx, c, injector, ran) })
		},
	} {
		ran, err := view()
		if name == "once" && (!errors.Is(err, fault.Busy) || fault.HintOf(err) == "") || name == "again" && err != nil {
			t.Errorf("%s: ran %d times: %v", name, ran, err)
		}
	}
}

// readFailing has its second statement fail when it runs for the first time.
func readFailing(tx *store.Tx, c *store.Collection, injector *storetest.Injector, ran int) error {
	if _, err := tx.Count(c); err != nil {
		return err
	}
	if ran == 1 {
		injector.FailAt(1)
	}
	_, err := tx.Changes(c, 0, 10, store.Select{})
	return err
}

// TestPortableNodesOfALanguageAreRefused opens a database whose texts are in the order of a language.
func TestPortableNodesOfALanguageAreRefused(t *testing.T) {
	url := postgresURL(t)
	_, schema := schemaOf(t, url)
	run(t, url, `CREATE DATABASE `+schema+` LOCALE_PROVIDER icu ICU_LOCALE 'en' TEMPLATE template0 ENCODING 'UTF8'`)
	defer run(t, url, `DROP DATABASE `+schema+` WITH (FORCE)`)
	_, err := store.OpenHub(background, postgres.Engine{Portable: true}, as(url, "tandem", schema), store.Options{})
	if !errors.Is(err, fault.Unsupported) || fault.HintOf(err) == "" {
		t.Errorf("got %v, want unsupported", err)
	}
	db, err := store.OpenHub(background, postgres.Engine{}, storetest.Plain(as(url, "tandem", schema)), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	checked(t, db)
}

// TestPortableAndOtherNodesWorkTogether opens a database in both ways, made by either.
func TestPortableAndOtherNodesWorkTogether(t *testing.T) {
	for _, first := range []bool{false, true} {
		url := storetest.Plain(postgresURL(t))
		var dbs []*store.DB
		for _, portable := range []bool{first, !first} {
			db, err := store.OpenHub(background, postgres.Engine{Portable: portable}, url, store.Options{})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { checked(t, db) })
			dbs = append(dbs, db)
		}
		for i, db := range dbs {
			for n := range 5 {
				save(t, db, defaults(t, db), fmt.Sprint(i, "-", n), `{"n":12345678901234567890}`)
			}
			if _, err := db.CreateCollection(background, "shop", fmt.Sprint("of", i)); err != nil {
				t.Error(err)
			}
			run(t, url, fmt.Sprintf(`INSERT INTO inbox (doc_id, body) VALUES ('letter%d', '{"a": 1}')`, i))
		}
		for _, db := range dbs {
			if !testsize.Eventually(time.Minute, func() bool { return count(t, db, defaults(t, db)) == 12 }) {
				t.Errorf("a node has %d documents, want 12", count(t, db, defaults(t, db)))
			}
		}
	}
}
