package tandem_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/query/querytest"
	"github.com/tandemdb/tandem/internal/query/value"
)

// searched returns a database with the documents and full-text indexes of the recorded queries.
func searched(t *testing.T) *tandem.Database {
	t.Helper()
	indexes := querytest.TextIndexes(t)
	data := querytest.Load(t)
	db := newDatabase(t, tandem.Options{})
	for _, name := range []string{"_default.odd", "travel.hotels", "travel.airlines"} {
		scope, collection, _ := strings.Cut(name, ".")
		c, err := db.CreateCollection(t.Context(), scope, collection)
		check(t, err)
		for _, d := range data[name] {
			if !d.Deleted {
				save(t, c, d.ID, strings.NewReplacer(`"_`, `"`, `"@type"`, `"type"`).Replace(string(d.Body))) // reserved keys, and blobs
			}
		}
	}
	for _, i := range indexes {
		scope, collection, _ := strings.Cut(i.Collection, ".")
		c, err := db.Collection(t.Context(), scope, collection)
		check(t, err)
		check(t, c.CreateIndex(t.Context(), i.Name, tandem.FullTextIndex{
			Expressions: []string{i.Expr}, Language: i.Language, IgnoreAccents: i.IgnoreAccents, Where: i.Where,
		}))
	}
	return db
}

func TestFullTextSearchAgreesWithTheVectors(t *testing.T) {
	t.Parallel()
	db := searched(t)
	for _, v := range querytest.TextVectors(t) {
		columns, rows, err := run(t, db, v.Query, tandem.Parameters{"q": v.Params["q"]}, v.Params != nil)
		if wrong := v.Check(columns, rows, err); wrong != "" {
			t.Errorf("%s: %s\n%s\nnote: %s%s", v.Name, v.Query, wrong, v.Note, v.Differs)
		}
	}
}

func run(t *testing.T, db *tandem.Database, text string, p tandem.Parameters, with bool) ([]string, [][]value.Value, error) {
	t.Helper()
	q, err := db.CreateQuery(text)
	if err != nil {
		return nil, nil, err
	}
	if !with {
		p = nil
	}
	results, err := q.Execute(t.Context(), p)
	if err != nil {
		return nil, nil, err
	}
	var rows [][]value.Value
	for row, err := range results.All() {
		if err != nil {
			return nil, nil, err
		}
		all := value.FromJSON(row.JSON())
		var values []value.Value
		for _, name := range q.Columns() {
			values = append(values, all.Get(value.Path{value.Key(name)}))
		}
		rows = append(rows, values)
	}
	return q.Columns(), rows, nil
}

func TestAFullTextIndexFollowsItsDocuments(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "searched")
	db := openAt(t, path, tandem.Options{})
	c := defaultIn(t, db)
	other := openAt(t, path, tandem.Options{}) // knows of the index only by the file
	save(t, c, "a", `{"name":"red apples"}`)
	check(t, c.CreateIndex(t.Context(), "words", tandem.FullTextIndex{Expressions: []string{"name"}, Language: "en"}))
	save(t, defaultIn(t, other), "b", `{"name":"apple pie"}`)
	edited := save(t, c, "c", `{"name":"apple of an eye"}`)
	check(t, edited.SetBody([]byte(`{"name":"cherry"}`)))
	check(t, c.Save(t.Context(), edited))
	gone := save(t, c, "d", `{"name":"apple tart"}`)
	check(t, c.Delete(t.Context(), gone))
	passing := save(t, c, "e", `{"name":"apple of the past"}`)
	check(t, c.SetExpiration(t.Context(), passing.ID(), time.Now().Add(-time.Second)))
	want := []string{"apple pie", "red apples"}
	look := func(what string, db *tandem.Database) {
		t.Helper()
		if got := names(t, db, "SELECT name FROM _ WHERE MATCH(words, 'apple') ORDER BY name"); !cmp.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
		if got := names(t, db, "SELECT count(*) FROM _ WHERE MATCH(words, 'apple')"); got[0] != "2" {
			t.Errorf("%s: counted %s, want 2", what, got[0])
		}
	}
	throughItsLife(t, db, other, look)
}

func TestAPulledDocumentIsFound(t *testing.T) {
	t.Parallel()
	from, to := newDatabase(t, tandem.Options{}), newDatabase(t, tandem.Options{})
	check(t, defaultIn(t, to).CreateIndex(t.Context(), "words", tandem.FullTextIndex{Expressions: []string{"name"}}))
	save(t, defaultIn(t, from), "a", `{"name":"pulled apple"}`)
	endWith(t, localReplicator(t, defaultIn(t, to), defaultIn(t, from)), nil)
	if got := names(t, to, "SELECT META().id FROM _ WHERE MATCH(words, 'apple')"); !cmp.Equal(got, []string{"a"}) {
		t.Errorf("got %q, want the pulled document", got)
	}
}

// A query tells what is wrong with the text of its search when it runs, and a live one delivers it.
func TestAWrongSearchIsAQueryError(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, tandem.Options{})
	check(t, defaultIn(t, db).CreateIndex(t.Context(), "words", tandem.FullTextIndex{Expressions: []string{"name"}}))
	q := query(t, db, "SELECT name FROM _ WHERE MATCH(words, $text)")
	for text, want := range map[any]string{
		`"open`: "a quote is not closed", "a AND": "a word is missing", "((a)": "not closed", strings.Repeat("x ", 300): "more than 256 words",
	} {
		_, err := q.Execute(t.Context(), tandem.Parameters{"text": text})
		var wrong *tandem.QueryError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20v: got %v, want a QueryError with %q", text, err, want)
		}
	}
	for _, text := range []any{nil, 12, true, []int{1}, "", "the"} {
		results, err := q.Execute(t.Context(), tandem.Parameters{"text": text})
		check(t, err)
		for row, err := range results.All() {
			t.Errorf("%v: got %v, %v, want no row", text, row, err)
		}
	}
	check(t, q.SetParameters(tandem.Parameters{"text": `"open`}))
	for change := range q.Changes(t.Context()) {
		if change.Err == nil {
			t.Error("the live query got no error, want one")
		}
		break
	}
	q = query(t, db, "SELECT name FROM _ WHERE MATCH(words, 'apple')")
	check(t, defaultIn(t, db).DeleteIndex(t.Context(), "words"))
	if _, err := q.Execute(t.Context()); !strings.Contains(tandem.HintOf(err), "Collection.CreateIndex") {
		t.Errorf("without the index: got %v with the hint %q, want one that names CreateIndex", err, tandem.HintOf(err))
	}
}
