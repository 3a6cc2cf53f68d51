package store_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/fulltext"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/queries"
)

var (
	texts  = store.Index{Name: "texts", Expressions: []string{"title", "body"}, Text: &fulltext.Options{Language: "en"}}
	priced = store.Index{Name: "priced", Expressions: []string{"body"}, Where: "price < 2", Text: &fulltext.Options{}}
)

// library opens a database with some texts and full-text indexes.
func library(t testing.TB) *store.DB {
	t.Helper()
	db := open(t, store.Options{})
	c := defaults(t, db)
	save(t, db, c, "a", `{"title":"Running","body":"The runners run","price":1}`)
	save(t, db, c, "b", `{"title":"Reading","body":["books",{"of":"runners"},3,true,null],"price":3}`)
	save(t, db, c, "c", `{"name":"no texts"}`)
	createIndex(t, db, texts)
	createIndex(t, db, priced)
	return db
}

// search returns the first column of a query within a transaction.
func search(tx *store.Tx, text string) (found []string, err error) {
	q, err := planOf(tx, text)
	if err != nil {
		return nil, err
	}
	err = tx.Query(background, q, nil, store.QueryLimits{}, func(r *queries.Rows) error {
		found = append(found, r.Value(0).Display())
		return nil
	})
	return found, err
}

func matches(t testing.TB, db *store.DB, index, text string, want ...string) {
	t.Helper()
	finds(t, db, fmt.Sprintf("SELECT META().id FROM _ WHERE MATCH(%s, '%s')", index, text), "fulltext "+index, want...)
	if got, _ := find(t, db, fmt.Sprintf("SELECT count(*) FROM _ WHERE MATCH(%s, '%s')", index, text)); got[0] != fmt.Sprint(len(want)) {
		t.Errorf("%s: counted %s, want %d", text, got[0], len(want))
	}
}

func TestAFullTextIndexHasTheWordsOfItsDocuments(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := library(t)
	c := defaults(t, db)
	matches(t, db, "texts", "run", "a")
	matches(t, db, "texts", "runner", "a", "b")
	matches(t, db, "texts", "title:run", "a")
	matches(t, db, "texts", "3 T", "b")
	matches(t, db, "texts", "of") // the name of a member, and a stop word
	matches(t, db, "priced", "runners", "a")
	save(t, db, c, "b", `{"body":"walkers","price":1}`)
	save(t, db, c, "d", `{"body":"walking"}`)
	matches(t, db, "texts", "walk", "d")
	matches(t, db, "texts", "walk*", "b", "d")
	matches(t, db, "texts", "runner", "a")
	matches(t, db, "priced", "walkers", "b")
	update(t, db, func(tx *store.Tx) error {
		if _, err := tx.Save(c, store.Edit{ID: "d", Deleted: true}); err != nil {
			return err
		}
		return tx.Purge(c, "a")
	})
	matches(t, db, "texts", "walk* OR run", "b")
	sound(t, db)
}

// A transaction finds what it has written, and leaves nothing when it fails after it has searched.
func TestATransactionSearchesWhatItHasWritten(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := library(t)
	c := defaults(t, db)
	within := func(tx *store.Tx) error {
		if _, err := tx.Save(c, store.Edit{ID: "new", Body: []byte(`{"title":"swimming"}`)}); err != nil {
			return err
		}
		found, err := search(tx, "SELECT META().id FROM _ WHERE MATCH(texts, 'swim OR run') ORDER BY RANK(texts) DESC, META().id")
		if !slices.Equal(found, []string{"a", "new"}) && !slices.Equal(found, []string{"new", "a"}) {
			t.Errorf("got %q, want a and new", found)
		}
		return err
	}
	given := errors.New("given up")
	err := db.Update(background, func(tx *store.Tx) error {
		if err := within(tx); err != nil {
			return err
		}
		return given
	})
	if !errors.Is(err, given) {
		t.Errorf("got %v, want the error of the function", err)
	}
	sound(t, db)
	matches(t, db, "texts", "swim")
	update(t, db, within)
	sound(t, db)
	matches(t, db, "texts", "swim", "new")
}

// The functions of one commit each undo their own changes alone, and those of others are indexed.
func TestTransactionsThatShareACommitAreIndexed(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := library(t)
	c := defaults(t, db)
	together(t, db, 60, func(i int, tx *store.Tx) error {
		if _, err := tx.Save(c, store.Edit{ID: fmt.Sprint(i), Body: fmt.Appendf(nil, `{"title":"common w%d"}`, i)}); err != nil {
			return err
		}
		if i%3 == 0 {
			if _, err := search(tx, "SELECT 1 FROM _ WHERE MATCH(texts, 'common')"); err != nil {
				return err
			}
		}
		if i%2 == 0 {
			return errors.New("given up")
		}
		return nil
	})
	sound(t, db)
	if found, _ := find(t, db, "SELECT count(*) FROM _ WHERE MATCH(texts, 'common')"); found[0] != "30" {
		t.Errorf("got %s documents, want 30", found[0])
	}
}

// together runs functions at the same time.
func together(t *testing.T, db *store.DB, n int, fn func(i int, tx *store.Tx) error) {
	t.Helper()
	done := make(chan struct{})
	for i := range n {
		go func() {
			_ = db.Update(background, func(tx *store.Tx) error { return fn(i, tx) }) // some are to fail
			done <- struct{}{}
		}()
	}
	for range n {
		<-done
	}
}

func TestRankIsTheShareOfAllHits(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	createIndex(t, db, store.Index{Name: "texts", Expressions: []string{"title", "body"}, Text: &fulltext.Options{}})
	save(t, db, c, "a", `{"title":"red","body":"red red blue"}`)
	save(t, db, c, "b", `{"title":"green","body":"red blueish green"}`)
	save(t, db, c, "c", `{"title":"blue red","body":"sea"}`)
	for text, want := range map[string]string{ // of a: title 1 of 2, body 2 of 3
		"red":            "a 1.1666666666666665, b 0.3333333333333333, c 0.5",
		"red blue*":      "a 1.6666666666666665, b 0.8333333333333333, c 1.5",
		`"red blue"`:     "a 1.0",
		"^red":           "a 1.5, b 0.5",
		"title:red":      "a 0.5, c 0.5",
		"red OR nothing": "a 1.1666666666666665, b 0.3333333333333333, c 0.5",
		"red NOT green":  "a 1.1666666666666665, c 0.5",
	} {
		var got []string
		view(t, db, func(tx *store.Tx) error {
			found, err := search(tx, "SELECT META().id || ' ' || RANK(texts) FROM _ WHERE MATCH(texts, '"+text+"') ORDER BY META().id")
			got = found
			return err
		})
		if strings.Join(got, ", ") != want {
			t.Errorf("%s: got %s, want %s", text, strings.Join(got, ", "), want)
		}
	}
	for text, want := range map[string]string{
		"ORDER BY RANK(texts) DESC LIMIT 2":               "a c",
		"ORDER BY RANK(texts) DESC LIMIT 1 OFFSET 1":      "c",
		"ORDER BY RANK(texts) LIMIT 2":                    "b c",
		"ORDER BY RANK(texts) DESC, META().id LIMIT 2":    "a c",
		"AND title != 'red' ORDER BY RANK(texts) LIMIT 5": "b c",
	} {
		view(t, db, func(tx *store.Tx) error {
			got, err := search(tx, "SELECT META().id FROM _ WHERE MATCH(texts, 'red') "+text)
			if strings.Join(got, " ") != want {
				t.Errorf("%s: got %q, want %s", text, got, want)
			}
			return err
		})
	}
	grouped, _ := find(t, db, "SELECT max(RANK(texts)) FROM _ WHERE MATCH(texts, 'red') GROUP BY META().id ORDER BY 1")
	if len(grouped) != 3 {
		t.Errorf("groups with ranks: got %q, want three", grouped)
	}
}

func TestADamagedFullTextIndexIsFoundByCheckAndRepairedByCompact(t *testing.T) {
	inFolders(t)
	t.Parallel()
	for name, damage := range map[string]string{
		"a word is missing":        `DELETE FROM "text_1_texts index" WHERE rowid = 1; INSERT INTO "text_1_texts index" (rowid, c0, c1) VALUES (1, 'run', 'runners')`,
		"a document is missing":    `DELETE FROM "text_1_texts index" WHERE rowid = 3`,
		"a document too many":      `INSERT INTO "text_1_texts index" (rowid, c0) VALUES (100, 'run')`,
		"the words of another":     `DELETE FROM "text_1_texts index" WHERE rowid = 3; INSERT INTO "text_1_texts index" (rowid, c0) VALUES (3, 'run')`,
		"a trigger is missing":     `DROP TRIGGER "text_1_texts update"`,
		"the list of changes":      `DROP TABLE "text_1_texts changed"`,
		"the words are gone":       `DROP TABLE "text_1_texts terms"`,
		"changes wait":             `INSERT INTO "text_1_texts changed" VALUES (1)`,
		"its data are damaged":     `UPDATE "text_1_texts index_data" SET block = zeroblob(length(block)) WHERE id > 100`,
		"its structure is damaged": `UPDATE "text_1_texts index_data" SET block = x'0102' WHERE id = 10`,
		"of another version":       `UPDATE info SET value = CAST(replace(value, 'words', 'w') AS BLOB) WHERE key = 'texts'`,
		"it was never finished":    `UPDATE info SET value = CAST(replace(value, '"built"', '"position":1,"built"') AS BLOB) WHERE key = 'texts'`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := library(t)
			sound(t, db)
			damageText(t, db, damage)
			found := problems(t, db)
			if !slices.ContainsFunc(found, func(p store.Problem) bool { return strings.Contains(p.What, `the index "texts" is damaged`) }) {
				t.Errorf("check: got %v, want it to find the index", found)
			}
			if len(found) != 1 {
				t.Errorf("check: got %v, want the index alone", found)
			}
			if err := db.Compact(background); err != nil {
				t.Fatal(err)
			}
			sound(t, db)
			matches(t, db, "texts", "runner", "a", "b")
			save(t, db, defaults(t, db), "d", `{"title":"running"}`)
			matches(t, db, "texts", "title:run", "a", "d")
			sound(t, db)
		})
	}
}

// damageText runs SQL on the file, with FTS5.
func damageText(t *testing.T, db *store.DB, text string) {
	t.Helper()
	c, err := sqlite3.Open(filepath.Join(db.Path(), "db.sqlite3"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	runner, err := queries.Prepare(c)
	if err == nil {
		err = errors.Join(runner.EnableFullText(), c.Exec(text))
	}
	if err != nil {
		t.Fatal(err)
	}
}

func TestOthersWriteWhileAFullTextIndexIsBuilt(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := many(t)
	c := defaults(t, db)
	tagged := store.Index{Name: "tagged", Expressions: []string{"tags"}, Text: &fulltext.Options{}}
	const text = "SELECT META().id FROM _ WHERE MATCH(tagged, 't0')"
	steps := 0
	err := db.CreateIndex(background, c, tagged, func(done, total int64) {
		if steps++; done < total {
			view(t, db, func(tx *store.Tx) error {
				if _, err := search(tx, text); !errors.Is(err, fault.InvalidQuery) || !strings.Contains(err.Error(), "not built yet") {
					t.Errorf("step %d: got %v, want to hear that it is not built yet", steps, err)
				}
				return nil
			})
		}
		save(t, db, c, "0", `{"tags":["t0","all"]}`)
		save(t, db, c, fmt.Sprint(manyItems-1-steps), `{"tags":["all","late"]}`) // has not entered yet
		update(t, db, func(tx *store.Tx) error {
			_, err := tx.Save(c, store.Edit{ID: fmt.Sprint(manyItems - 100 - steps), Deleted: true})
			return err
		})
	})
	if err != nil || steps < 3 {
		t.Fatalf("got %v after %d steps, want an index after 3 or more", err, steps)
	}
	matches(t, db, "tagged", "t0", "0")
	sound(t, db)
}

func TestAnUnusableFullTextIndexIsRefused(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	for what, i := range map[string]store.Index{
		"without a property": {Name: "i", Text: &fulltext.Options{}},
		"an expression":      {Name: "i", Expressions: []string{"upper(title)"}, Text: &fulltext.Options{}},
		"a whole document":   {Name: "i", Expressions: []string{"META().id"}, Text: &fulltext.Options{}},
		"a collation":        {Name: "i", Expressions: []string{"title COLLATE NOCASE"}, Text: &fulltext.Options{}},
		"no condition":       {Name: "i", Expressions: []string{"title"}, Where: "MATCH(i, 'x')", Text: &fulltext.Options{}},
		"a quote":            {Name: `i"`, Expressions: []string{"title"}, Text: &fulltext.Options{}},
	} {
		err := db.CreateIndex(background, defaults(t, db), i, nil)
		if !errors.Is(err, fault.Invalid) && !errors.Is(err, fault.InvalidQuery) {
			t.Errorf("%s: got %v, want a plain refusal", what, err)
		}
	}
	if got := formatOf(t, db); got != 1 {
		t.Errorf("got format %d, want 1", got)
	}
}

// A query that was compiled before its index was deleted fails, and so does one that names it again.
func TestASearchWithoutItsIndexFails(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := library(t)
	c := defaults(t, db)
	view(t, db, func(tx *store.Tx) error {
		q, err := planOf(tx, "SELECT 1 FROM _ WHERE MATCH(texts, 'run')")
		if err != nil {
			return err
		}
		update(t, db, func(tx *store.Tx) error { return tx.DeleteIndex(c, "texts") })
		view(t, db, func(tx *store.Tx) error {
			err := tx.Query(background, q, nil, store.QueryLimits{}, func(*queries.Rows) error { return nil })
			var invalid *syntax.Error
			if !errors.As(err, &invalid) || !strings.Contains(err.Error(), "texts") {
				t.Errorf("got %v, want an error that names the index", err)
			}
			return nil
		})
		return nil
	})
	sound(t, db)
}

// A document that has expired is not found, although it is in the index until it is purged.
func TestASearchLeavesOutExpiredDocuments(t *testing.T) {
	inFolders(t)
	t.Parallel()
	var late atomic.Int64
	db := open(t, store.Options{Now: func() time.Time { return time.Now().Add(time.Duration(late.Load())) }})
	c := defaults(t, db)
	createIndex(t, db, texts)
	for _, id := range []string{"a", "b", "c"} {
		save(t, db, c, id, `{"title":"apple"}`)
	}
	update(t, db, func(tx *store.Tx) error { return tx.SetExpiry(c, "b", tx.Now().Add(time.Hour)) })
	matches(t, db, "texts", "apple", "a", "b", "c")
	late.Store(int64(2 * time.Hour))
	matches(t, db, "texts", "apple", "a", "c")
	got, _ := find(t, db, "SELECT META().id FROM _ WHERE MATCH(texts, 'apple') ORDER BY RANK(texts) LIMIT 10")
	if !slices.Equal(got, []string{"a", "c"}) {
		t.Errorf("the best: got %q, want a and c", got)
	}
}

// The bounds of a query hold while the hits of all documents are counted for its ranks.
func TestTheEndOfAContextEndsTheCountForRanks(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := library(t)
	ctx, cancel := context.WithCancel(background)
	cancel()
	view(t, db, func(tx *store.Tx) error {
		q, err := planOf(tx, `SELECT RANK(texts) FROM _ WHERE MATCH(texts, '"runner run"')`)
		if err != nil {
			return err
		}
		err = tx.Query(ctx, q, nil, store.QueryLimits{}, func(*queries.Rows) error { return nil })
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want the error of the context", err)
		}
		return nil
	})
}

func TestFullTextIndexesMayHaveOddNames(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	all := []string{"x", "x index", "x index_data", "x_data", "it's [one]", "  ", "é/日", "rank", "#", "x changed"}
	for _, name := range all {
		createIndex(t, db, store.Index{Name: name, Expressions: []string{"title"}, Text: &fulltext.Options{}})
	}
	save(t, db, c, "a", `{"title":"apple pie"}`)
	sound(t, db)
	for _, name := range all {
		got, _ := find(t, db, "SELECT RANK(`"+name+"`) FROM _ WHERE MATCH(`"+name+"`, 'apple \"apple pie\"')")
		if !slices.Equal(got, []string{"2.0"}) {
			t.Errorf("%q: got %q, want a document with rank 2", name, got)
		}
	}
	for _, name := range all {
		update(t, db, func(tx *store.Tx) error { return tx.DeleteIndex(c, name) })
		save(t, db, c, "a", `{"title":"apple"}`)
		sound(t, db)
	}
}

func TestAReadOnlyDatabaseIsSearched(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := library(t)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	frozen := openAt(t, db.Path(), store.Options{ReadOnly: true, MustExist: true})
	matches(t, frozen, "texts", "runner", "a", "b")
	sound(t, frozen)
}

// What an index of another version cannot find is refused, until the database is opened for writing.
func TestAFullTextIndexOfAnotherVersionIsBuiltAnew(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := library(t)
	damageText(t, db, `UPDATE info SET value = CAST(replace(value, 'words', 'w') AS BLOB) WHERE key = 'texts'`)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	frozen := openAt(t, db.Path(), store.Options{ReadOnly: true, MustExist: true})
	view(t, frozen, func(tx *store.Tx) error {
		if _, err := search(tx, "SELECT 1 FROM _ WHERE MATCH(texts, 'run')"); !errors.Is(err, fault.InvalidQuery) || !strings.Contains(err.Error(), "another version") {
			t.Errorf("got %v, want a refusal", err)
		}
		return nil
	})
	if err := frozen.Close(); err != nil {
		t.Fatal(err)
	}
	again := openAt(t, db.Path(), store.Options{MustExist: true})
	matches(t, again, "texts", "runner", "a", "b")
	sound(t, again)
}

func TestAWriteThatADamagedFullTextIndexCannotFollowSaysWhatHelps(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := library(t)
	c := defaults(t, db)
	damageText(t, db, `UPDATE "text_1_texts index_data" SET block = x'0102' WHERE id = 10`)
	edit := store.Edit{ID: "d", Body: []byte(`{"title":"running"}`)}
	if _, err := trySave(db, c, edit); !errors.Is(err, fault.CorruptData) || !strings.Contains(fault.HintOf(err), "compact") {
		t.Errorf("got %v with the hint %q, want fault.CorruptData with a hint to compact", err, fault.HintOf(err))
	}
	if err := db.Compact(background); err != nil {
		t.Fatal(err)
	}
	if _, err := trySave(db, c, edit); err != nil {
		t.Error(err)
	}
	matches(t, db, "texts", "run", "a", "d")
}

// A document for which a function of an index fails is not in the index, and can be saved: it may come from a peer.
func TestADocumentThatAnIndexCannotTakeIsSaved(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := open(t, store.Options{})
	c := defaults(t, db)
	const failing = "regexp_like(text, pattern)"
	createIndex(t, db, store.Index{Name: "words", Expressions: []string{"text"}, Where: failing, Text: &fulltext.Options{}})
	createIndex(t, db, store.Index{Name: "value", Expressions: []string{failing}})
	createIndex(t, db, store.Index{Name: "part", Expressions: []string{"text"}, Where: failing})
	createIndex(t, db, store.Index{Name: "items", Array: "tags", Where: failing})
	near := flat
	near.Where = failing
	createIndex(t, db, near)
	save(t, db, c, "bad", `{"text":"abc","pattern":"(","tags":[1],"v":[1,2]}`)
	save(t, db, c, "good", `{"text":"abc","pattern":"b","tags":[1],"v":[1,2]}`)
	matches(t, db, "words", "abc", "good")
	save(t, db, c, "good", `{"text":"abc","pattern":"(","tags":[1],"v":[1,2]}`)
	save(t, db, c, "bad", `{"text":"abc","pattern":"b","tags":[1],"v":[1,2]}`)
	matches(t, db, "words", "abc", "bad")
	ranks(t, db, nearest([]float32{0, 0}, failing, 9), "bad")
	sound(t, db)
	view(t, db, func(tx *store.Tx) error {
		if _, err := search(tx, "SELECT 1 FROM _ WHERE regexp_like(text, '(' || pattern)"); !errors.Is(err, fault.InvalidQuery) {
			t.Errorf("a query: got %v, want %v", err, fault.InvalidQuery)
		}
		return nil
	})
}

// Two versions of Tandem may have a database open. The one whose words are others writes no words.
func TestAnIndexOfAnotherTokenizerIsNotWritten(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := library(t)
	c := defaults(t, db)
	damageText(t, db, `PRAGMA writable_schema = on; UPDATE sqlite_schema SET sql = replace(sql, '`+fulltext.Version+`', '0 of 1') WHERE name LIKE 'text_1_texts%'`)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	db = openAt(t, db.Path(), store.Options{})
	err := db.Update(background, func(tx *store.Tx) error {
		_, err := tx.Save(c, store.Edit{ID: "a", Body: []byte(`{"title":"other"}`)})
		return err
	})
	if !errors.Is(err, fault.TooNew) {
		t.Errorf("got %v, want %v", err, fault.TooNew)
	}
}

func TestManyEqualPrefixesAreCountedOnce(t *testing.T) {
	inFolders(t)
	t.Parallel()
	db := library(t)
	found, _ := find(t, db, "SELECT RANK(texts) > 0 FROM _ WHERE MATCH(texts, '"+strings.Repeat("r* ", 200)+"')")
	if len(found) != 2 {
		t.Errorf("got %q, want both documents", found)
	}
}
