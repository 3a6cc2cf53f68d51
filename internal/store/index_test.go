package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/queries"
)

var (
	byName  = store.Index{Name: "byName", Expressions: []string{"name"}}
	cheap   = store.Index{Name: "cheap", Expressions: []string{"name"}, Where: "price < 2"}
	byTag   = store.Index{Name: "byTag", Array: "tags"}
	byPhone = store.Index{Name: "byPhone", Array: "contacts[].phones", Expressions: []string{"kind, number"}, Where: "price > 0"}
)

// indexed opens a database with some documents and indexes.
func indexed(t testing.TB) *store.DB {
	t.Helper()
	db := open(t, store.Options{})
	c := defaults(t, db)
	save(t, db, c, "a", `{"name":"apple","price":1,"tags":["red","green"],"contacts":[{"phones":[{"kind":"home","number":1},{"kind":"work"}]}]}`)
	save(t, db, c, "b", `{"name":"banana","price":3,"tags":["yellow","red"]}`)
	for _, i := range []store.Index{byName, cheap, byTag, byPhone} {
		createIndex(t, db, i)
	}
	return db
}

func createIndex(t testing.TB, db *store.DB, i store.Index) {
	t.Helper()
	if err := db.CreateIndex(background, defaults(t, db), i, nil); err != nil {
		t.Fatal(err)
	}
}

// planOf compiles a query for the collections that tx sees.
func planOf(tx *store.Tx, text string) (*plan.Query, error) {
	catalog, err := tx.Catalog()
	if err != nil {
		return nil, err
	}
	s, err := syntax.Parse(text)
	if err != nil {
		return nil, err
	}
	return plan.Of(s, catalog)
}

// find runs a query and returns its first column, and its plan.
func find(t testing.TB, db *store.DB, text string) (found []string, steps string) {
	t.Helper()
	view(t, db, func(tx *store.Tx) error {
		q, err := planOf(tx, text)
		if err != nil {
			return err
		}
		_, all, err := tx.ExplainQuery(q, nil)
		if err != nil {
			return err
		}
		steps = strings.Join(all, "\n")
		return tx.Query(background, q, nil, store.QueryLimits{}, func(r *queries.Rows) error {
			found = append(found, r.Value(0).Display())
			return nil
		})
	})
	slices.Sort(found)
	return found, steps
}

// finds holds that a query gives these, through an index or without.
func finds(t testing.TB, db *store.DB, text, index string, want ...string) {
	t.Helper()
	got, steps := find(t, db, text)
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", text, got, want)
	}
	if index == "" && (strings.Contains(steps, "query_1_") || strings.Contains(steps, "items_1_")) || !strings.Contains(steps, index) {
		t.Errorf("%s: got the plan\n%s\nwant it to use the index %q", text, steps, index)
	}
}

const redOnes = "SELECT META(f).id FROM _ AS f UNNEST f.tags AS t WHERE t = 'red'"

// asAnother runs SQL as a program would whose function finds something else.
func asAnother(t testing.TB, db *store.DB, text string) {
	t.Helper()
	c, err := sqlite3.Open(filepath.Join(db.Path(), "db.sqlite3"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	other := func(ctx sqlite3.Context, _ ...sqlite3.Value) { ctx.ResultText("something else") }
	err = errors.Join(c.CreateFunction("tandem_key", 2, sqlite3.DETERMINISTIC|sqlite3.INNOCUOUS, other), c.Exec(text))
	if err != nil {
		t.Fatal(err)
	}
}

func TestADamagedIndexIsFoundByCheckAndRepairedByCompact(t *testing.T) {
	inFolders(t)
	t.Parallel()
	const dropTriggers = `DROP TRIGGER "items_1_byTag insert"; DROP TRIGGER "items_1_byTag update"; DROP TRIGGER "items_1_byTag delete";
		DROP TRIGGER "items_1_byPhone insert"; DROP TRIGGER "items_1_byPhone update"; DROP TRIGGER "items_1_byPhone delete";`
	for name, tt := range map[string]struct{ sql, index string }{
		"another value": {dropTriggers + `UPDATE docs_1 SET body = body`, "byName"},
		"a part is missing": {
			`DROP INDEX query_1_cheap; CREATE INDEX query_1_cheap ON docs_1 (tandem_key(body, '.4:name')) WHERE (tandem_key(body, '.5:price') < 2)`,
			"cheap",
		},
		"it is gone":            {`DROP INDEX query_1_byName`, "byName"},
		"an entry is missing":   {`DELETE FROM items_1_byTag WHERE k0 = 'red' AND id = 'b'`, "byTag"},
		"an entry too many":     {`INSERT INTO items_1_byTag VALUES ('blue', 'a')`, "byTag"},
		"a trigger is missing":  {`DROP TRIGGER "items_1_byPhone update"`, "byPhone"},
		"its table is gone":     {dropTriggers + `DROP TABLE items_1_byPhone`, "byPhone"},
		"of another version":    {`UPDATE info SET value = CAST(replace(value, 'functions', 'f') AS BLOB) WHERE key = 'byName'`, "byName"},
		"it was never finished": {`UPDATE info SET value = CAST(replace(value, '"built"', '"position":1,"built"') AS BLOB) WHERE key = 'byTag'`, "byTag"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := indexed(t)
			sound(t, db)
			asAnother(t, db, tt.sql)
			found := problems(t, db)
			if !slices.ContainsFunc(found, func(p store.Problem) bool {
				return p.Where == "_default._default" && strings.Contains(p.What, fmt.Sprintf("the index %q is damaged", tt.index))
			}) {
				t.Errorf("check: got %v, want it to find the index %q", found, tt.index)
			}
			if err := db.Compact(background); err != nil {
				t.Fatal(err)
			}
			sound(t, db)
			finds(t, db, redOnes, "items_1_byTag", "a", "b")
			finds(t, db, "SELECT META().id FROM _ WHERE name = 'apple'", "query_1_byName", "a")
			save(t, db, defaults(t, db), "c", `{"name":"cherry","price":1,"tags":["red"]}`)
			sound(t, db)
		})
	}
}

// TestCompactRepairsAnIndexBehindAnotherWithManyFaults where SQLite has told of a hundred before.
func TestCompactRepairsAnIndexBehindAnotherWithManyFaults(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	update(t, db, func(tx *store.Tx) error {
		for i := range 150 {
			if _, err := tx.Save(c, store.Edit{ID: fmt.Sprint(i), Body: fmt.Appendf(nil, `{"name":"n%d","price":%d}`, i, 150-i)}); err != nil {
				return err
			}
		}
		return nil
	})
	createIndex(t, db, byName)
	createIndex(t, db, cheap)
	asAnother(t, db, `DROP INDEX query_1_byName; CREATE INDEX query_1_byName ON docs_1 (tandem_key(body, '.4:name'));
		DROP INDEX query_1_cheap; CREATE INDEX query_1_cheap ON docs_1 (tandem_key(body, '.4:name')) WHERE (tandem_key(body, '.5:price') < 2)`)
	if found := problems(t, db); len(found) != 2 {
		t.Errorf("check: got %v, want one for each index", found)
	}
	if err := db.Compact(background); err != nil {
		t.Fatal(err)
	}
	sound(t, db)
	finds(t, db, "SELECT META().id FROM _ WHERE name = 'n149' AND price < 2", "query_1_", "149")
}

func TestAnIndexOfAnotherVersionIsBuiltAnewWhenTheDatabaseIsOpened(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := indexed(t)
	asAnother(t, db, `DELETE FROM items_1_byTag; DROP INDEX query_1_byName; CREATE INDEX query_1_byName ON docs_1 (tandem_key(body, '.4:name'));
		UPDATE info SET value = CAST(replace(value, 'functions', 'f') AS BLOB) WHERE space = 'index/1'`)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	const byItsName = "SELECT META().id FROM _ WHERE name = 'apple'"
	frozen := openAt(t, db.Path(), store.Options{ReadOnly: true, MustExist: true})
	finds(t, frozen, redOnes, "", "a", "b")
	finds(t, frozen, byItsName, "", "a")
	if err := frozen.Close(); err != nil {
		t.Fatal(err)
	}
	again := openAt(t, db.Path(), store.Options{MustExist: true})
	finds(t, again, redOnes, "items_1_byTag", "a", "b")
	finds(t, again, byItsName, "query_1_byName", "a")
	sound(t, again)
}

func TestAnIndexThatThisVersionCannotBuildKeepsTheDatabaseClosed(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := indexed(t)
	asAnother(t, db, `UPDATE info SET value = CAST('{"expressions":["of_the_future(name)"],"built":"later"}' AS BLOB) WHERE key = 'byName'`)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := store.Open(background, db.Path(), store.Options{}); !errors.Is(err, fault.TooNew) || !strings.Contains(err.Error(), "of_the_future") {
		t.Errorf("got %v, want fault.TooNew that names the function", err)
	}
}

// manyItems is more documents than enter an index in two steps.
const manyItems = 2500

// many opens a database with documents that have two items each: "all", and one of their own.
func many(t testing.TB) *store.DB {
	t.Helper()
	db := open(t, store.Options{})
	c := defaults(t, db)
	update(t, db, func(tx *store.Tx) error {
		for n := range manyItems {
			if _, err := tx.Save(c, store.Edit{ID: fmt.Sprint(n), Body: fmt.Appendf(nil, `{"tags":["all","t%d"]}`, n)}); err != nil {
				return err
			}
		}
		return nil
	})
	return db
}

func TestOthersWriteWhileAnArrayIndexIsBuilt(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := many(t)
	c := defaults(t, db)
	steps := 0
	var last int64
	err := db.CreateIndex(background, c, byTag, func(done, total int64) {
		if steps++; done < last || done > total {
			t.Errorf("step %d: got %d of %d after %d, want more and no more than all", steps, done, total, last)
		}
		last = done
		finds(t, db, "SELECT META(f).id FROM _ AS f UNNEST f.tags AS t WHERE t = 't0'", map[bool]string{true: "items_1_byTag"}[done == total], "0")
		save(t, db, c, "0", `{"tags":["t0","all"]}`)
		save(t, db, c, fmt.Sprint(manyItems-1-steps), `{"tags":["all","late"]}`) // has not entered yet, and keeps an item
		update(t, db, func(tx *store.Tx) error {
			_, err := tx.Save(c, store.Edit{ID: fmt.Sprint(manyItems - 100 - steps), Deleted: true})
			return err
		})
	})
	if err != nil || steps < 3 {
		t.Fatalf("got %v after %d steps, want an index after 3 or more", err, steps)
	}
	sound(t, db)
}

// An edit, a deletion and a purge take as many steps of SQLite in a large array index as in a small one.
func TestAnArrayIndexIsKeptUpWithoutReadingItWhole(t *testing.T) {
	inFolders(t)
	t.Parallel()
	small, large := arrayIndexSteps(t, 100), arrayIndexSteps(t, 2000)
	if small[0] == 0 || !slices.Equal(small, large) {
		t.Errorf("an edit, a deletion and a purge take %d steps with 100 documents, and %d with 2000; want as many", small, large)
	}
}

// arrayIndexSteps returns the steps of an edit, a deletion and a purge among n documents.
func arrayIndexSteps(t *testing.T, n int) (steps []int) {
	t.Helper()
	db := open(t, store.Options{})
	c := defaults(t, db)
	createIndex(t, db, byTag)
	update(t, db, func(tx *store.Tx) error {
		for i := range n {
			if _, err := tx.Save(c, store.Edit{ID: fmt.Sprint(i), Body: []byte(`{"tags":["a","b"]}`)}); err != nil {
				return err
			}
		}
		return nil
	})
	for _, change := range []func(*store.Tx) error{
		func(tx *store.Tx) error {
			_, err := tx.Save(c, store.Edit{ID: "50", Body: []byte(`{"tags":["b","c"]}`)})
			return err
		},
		func(tx *store.Tx) error { _, err := tx.Save(c, store.Edit{ID: "51", Deleted: true}); return err },
		func(tx *store.Tx) error { return tx.Purge(c, "52") },
	} {
		update(t, db, func(tx *store.Tx) error {
			store.WriteSteps(tx, c)
			err := change(tx)
			steps = append(steps, store.WriteSteps(tx, c))
			return err
		})
	}
	sound(t, db)
	return steps
}

func TestBuildingAnArrayIndexGoesOnWhereItWasCutOff(t *testing.T) {
	inFolders(t)
	t.Parallel()
	for name, goOn := range map[string]func(*store.DB) error{
		"by the same":     func(db *store.DB) error { return db.CreateIndex(background, defaults(t, db), byTag, nil) },
		"by a compaction": func(db *store.DB) error { return db.Compact(background) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := many(t)
			ctx, cancel := context.WithCancel(background)
			defer cancel()
			if err := db.CreateIndex(ctx, defaults(t, db), byTag, func(int64, int64) { cancel() }); !errors.Is(err, context.Canceled) {
				t.Fatalf("got %v, want context.Canceled", err)
			}
			const one = "SELECT META(f).id FROM _ AS f UNNEST f.tags AS t WHERE t = 't2000'"
			finds(t, db, one, "", "2000")
			if err := goOn(db); err != nil {
				t.Fatal(err)
			}
			finds(t, db, one, "items_1_byTag", "2000")
			sound(t, db)
		})
	}
}

func TestAnIndexThatSomebodyDeletesWhileItIsBuiltIsNotFound(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := many(t)
	c := defaults(t, db)
	err := db.CreateIndex(background, c, byTag, func(int64, int64) {
		update(t, db, func(tx *store.Tx) error { return tx.DeleteIndex(c, "byTag") })
	})
	if !errors.Is(err, fault.NotFound) {
		t.Errorf("got %v, want fault.NotFound", err)
	}
	sound(t, db)
}

func TestBuildingAValueIndexTellsItsProgressAndEndsWithItsContext(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := many(t)
	c := defaults(t, db)
	i := store.Index{Name: "both", Expressions: []string{"tags[0]", "upper(tags[1])"}}
	ctx, cancel := context.WithCancel(background)
	defer cancel()
	if err := db.CreateIndex(ctx, c, i, func(int64, int64) { cancel() }); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
	save(t, db, c, "after", `{"tags":["all","after"]}`)
	var told []int64
	err := db.CreateIndex(background, c, i, func(done, total int64) {
		if told = append(told, done); total != manyItems+1 {
			t.Errorf("got %d documents, want %d", total, manyItems+1)
		}
	})
	if err != nil || len(told) != 5 || !slices.IsSorted(told) || told[4] != manyItems {
		t.Errorf("got %v, and was told of %v; want 5 numbers up to %d", err, told, manyItems)
	}
	finds(t, db, "SELECT META().id FROM _ WHERE tags[0] = 'all' AND upper(tags[1]) = 'AFTER'", "query_1_both", "after")
	sound(t, db)
}

func TestAProgressThatPanicsLeavesTheDatabaseInUse(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := many(t)
	c := defaults(t, db)
	i := store.Index{Name: "one", Expressions: []string{"tags[0]"}}
	func() {
		defer func() { _ = recover() }()
		_ = db.CreateIndex(background, c, i, func(int64, int64) { panic("told") })
	}()
	save(t, db, c, "after", `{"tags":["all"]}`)
	if err := db.CreateIndex(background, c, i, nil); err != nil {
		t.Errorf("the index again: %v", err)
	}
	sound(t, db)
}

// What a write costs depends on the tables, indexes and triggers there are.
func TestADatabaseWithoutIndexesPaysNothingForThem(t *testing.T) {
	inFolders(t)
	t.Parallel()
	objects := func(db *store.DB) (all []string) {
		c, err := sqlite3.Open(filepath.Join(db.Path(), "db.sqlite3"))
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		s, _, err := c.Prepare(`SELECT type || ' ' || name FROM sqlite_schema ORDER BY 1`)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		for s.Step() {
			all = append(all, s.ColumnText(0))
		}
		return all
	}
	db := open(t, store.Options{})
	want := objects(db)
	for _, name := range want {
		if strings.HasPrefix(name, "trigger") || strings.Contains(name, "query_") {
			t.Errorf("a new database has a %s, want none", name)
		}
	}
	c := defaults(t, db)
	for _, i := range []store.Index{byName, byTag, texts} {
		createIndex(t, db, i)
		update(t, db, func(tx *store.Tx) error { return tx.DeleteIndex(c, i.Name) })
	}
	if got := objects(db); !slices.Equal(got, want) {
		t.Errorf("after the indexes were deleted: got %q, want %q", got, want)
	}
}

func TestTheIndexesOfADeletedCollectionGoWithIt(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c, err := db.CreateCollection(background, "shop", "fruits")
	if err != nil {
		t.Fatal(err)
	}
	for _, i := range []store.Index{byName, byTag, texts} {
		if err := db.CreateIndex(background, c, i, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.DeleteCollection(background, "shop", "fruits"); err != nil {
		t.Fatal(err)
	}
	if err := db.CreateIndex(background, c, byTag, nil); !errors.Is(err, fault.NotFound) {
		t.Errorf("got %v, want fault.NotFound", err)
	}
	sound(t, db)
	again, err := db.CreateCollection(background, "shop", "fruits")
	if err != nil {
		t.Fatal(err)
	}
	if err := db.CreateIndex(background, again, byTag, nil); err != nil {
		t.Error(err)
	}
}
