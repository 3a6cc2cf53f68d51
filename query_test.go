package tandem_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandemdb/tandem"
)

type fruit struct {
	Name  string   `json:"name"`
	Price *float64 `json:"price"`
	Tags  []string `json:"tags"`
}

// fruits returns a database with three documents.
func fruits(t testing.TB) *tandem.Database {
	t.Helper()
	db := newDatabase(t, tandem.Options{})
	c := defaultIn(t, db)
	save(t, c, "a", `{"name":"apple","price":1.5,"tags":["red","green"],"n":9007199254740993}`)
	save(t, c, "b", `{"name":"banana","price":null,"tags":["yellow"]}`)
	save(t, c, "c", `{"name":"cherry","tags":[]}`)
	return db
}

func query(t testing.TB, db *tandem.Database, text string) *tandem.Query {
	t.Helper()
	q, err := db.CreateQuery(text)
	check(t, err)
	return q
}

func TestAQueryFindsDocuments(t *testing.T) {
	t.Parallel()
	db := fruits(t)
	q := query(t, db, `SELECT META().id, name, price, n FROM _ WHERE name != $but ORDER BY name`)
	check(t, q.SetParameters(tandem.Parameters{"but": "banana"}))
	if got, want := q.Columns(), []string{"id", "name", "price", "n"}; !cmp.Equal(got, want) {
		t.Errorf("columns: got %q, want %q", got, want)
	}
	rows, err := q.Execute(t.Context())
	check(t, err)
	var got []string
	for row, err := range rows.All() {
		check(t, err)
		got = append(got, string(row.JSON()))
	}
	want := []string{`{"id":"a","name":"apple","price":1.5,"n":9007199254740993}`, `{"id":"c","name":"cherry"}`}
	if !cmp.Equal(got, want) {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMissingIsNotNull(t *testing.T) {
	t.Parallel()
	db := fruits(t)
	for row, err := range db.Query(t.Context(), `SELECT price, name FROM _ WHERE price IS NOT VALUED ORDER BY name`) {
		check(t, err)
		v, there := row.Value("price")
		if null := row.ValueAt(1) == "banana"; v != nil || there != null || (row.JSONAt(0) != nil) != null {
			t.Errorf("price of %v: got %v, there %t, JSON %q; want it there: %t", row.ValueAt(1), v, there, row.JSONAt(0), null)
		}
		if _, there := row.Value("other"); there {
			t.Error("a column that is not there: got it, want none")
		}
	}
}

func TestAQueryOfACollectionKnowsWhatItReads(t *testing.T) {
	inFolders(t, "queries")
	db := fruits(t)
	other, err := db.CreateCollection(t.Context(), "a", "b")
	check(t, err)
	save(t, other, "pear", `{"n":1}`)
	const inDefault, inOther = "_default._default", "a.b"
	for text, want := range map[string][]string{
		"SELECT n FROM _":        {inOther},
		"SELECT n FROM a.b":      {inOther},
		"SELECT n FROM _default": {inDefault},
		"SELECT x.n FROM _ AS x JOIN _default._default AS y ON x.n = y.n":  {inDefault, inOther},
		"SELECT x.n FROM _ AS x JOIN a.b AS y ON x.n = y.n":                {inOther},
		"SELECT t FROM _ AS x UNNEST x.tags AS t":                          {inOther},
		"SELECT x.n FROM _default.b AS x JOIN _ AS y ON META(x).id = y.id": nil, // no such collection
	} {
		q, err := other.CreateQuery(text)
		if want == nil {
			wantError(t, text, err, tandem.ErrInvalidQuery)
			continue
		}
		check(t, err)
		if got := q.Collections(); !slices.Equal(got, want) {
			t.Errorf("%s reads %v, want %v", text, got, want)
		}
	}
	q, err := other.CreateQuery("SELECT META().id FROM _")
	check(t, err)
	rows, err := tandem.Collect[struct{ ID string }](q.Execute(t.Context()))
	if check(t, err); len(rows) != 1 || rows[0].ID != "pear" {
		t.Errorf("rows %v, want the pear of the collection", rows)
	}
}

func TestRowsAreDecoded(t *testing.T) {
	t.Parallel()
	db := fruits(t)
	price := 1.5
	want := []fruit{{"apple", &price, []string{"red", "green"}}, {"banana", nil, []string{"yellow"}}, {"cherry", nil, []string{}}}
	q := query(t, db, `SELECT name, price, tags FROM _ ORDER BY name`)
	got, err := tandem.Collect[fruit](q.Execute(t.Context()))
	check(t, err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("Collect: got (+), want (-):\n%s", diff)
	}
	got = nil
	for f, err := range tandem.Select[fruit](t.Context(), db, `SELECT name, price, tags FROM _ WHERE price > $p`, tandem.Parameters{"p": 1}) {
		check(t, err)
		got = append(got, f)
	}
	if diff := cmp.Diff([]fruit{want[0], want[1]}, got); diff != "" { // null is greater than every number
		t.Errorf("Select: got (+), want (-):\n%s", diff)
	}
	_, err = tandem.Collect[struct{ Name int }](q.Execute(t.Context()))
	wantError(t, "a text in an int", err, tandem.ErrInvalid)
}

func TestAnInvalidQueryIsSaidToBe(t *testing.T) {
	t.Parallel()
	db := fruits(t)
	_, err := db.CreateQuery("SELECT name FORM _")
	var invalid *tandem.QueryError
	if !errors.As(err, &invalid) || invalid.Pos != 17 || !strings.Contains(invalid.Hint, "FROM") {
		t.Errorf("got %v, want a *QueryError at byte 17 with a hint", err)
	}
	wantError(t, "a misspelt clause", err, tandem.ErrInvalidQuery)
	_, err = db.CreateQuery("SELECT name FROM nowhere")
	wantError(t, "an unknown collection", err, tandem.ErrInvalidQuery)
	q := query(t, db, "SELECT name FROM _ LIMIT $n")
	wantError(t, "an unknown parameter", q.SetParameters(tandem.Parameters{"m": 1}), tandem.ErrInvalidParameter)
	wantError(t, "a parameter without a JSON form", q.SetParameters(tandem.Parameters{"n": func() {}}), tandem.ErrBadJSON)
	_, err = q.Execute(t.Context(), tandem.Parameters{"n": 1.5})
	wantError(t, "LIMIT 1.5", err, tandem.ErrInvalidQuery)
	for what, text := range map[string]string{
		"an invalid pattern": "SELECT regexp_like(name, '(' || '') FROM _", "an overflow": "SELECT sum(n) + sum(9223372036854775807) FROM _",
	} {
		_, err = query(t, db, text).Execute(t.Context())
		wantError(t, what, err, tandem.ErrInvalidQuery)
	}
}

func TestAResultIsOfOneMoment(t *testing.T) {
	t.Parallel()
	db := fruits(t)
	rows, err := query(t, db, "SELECT name FROM _").Execute(t.Context())
	check(t, err)
	save(t, defaultIn(t, db), "d", `{"name":"date"}`)
	if got := length(t, rows); got != 3 {
		t.Errorf("got %d rows, want the 3 of before", got)
	}
	if got := length(t, executed(t)(query(t, db, "SELECT name FROM _ WHERE name = 'date'").Execute(t.Context()))); got != 1 {
		t.Errorf("a later run: got %d rows, want 1", got)
	}
}

func executed(t testing.TB) func(*tandem.ResultSet, error) *tandem.ResultSet {
	return func(rows *tandem.ResultSet, err error) *tandem.ResultSet {
		t.Helper()
		check(t, err)
		return rows
	}
}

func length(t testing.TB, rows *tandem.ResultSet) (n int) {
	t.Helper()
	for _, err := range rows.All() {
		check(t, err)
		n++
	}
	return n
}

// large returns a database whose documents have 6 MiB together.
func large(t testing.TB) *tandem.Database {
	t.Helper()
	db := newDatabase(t, tandem.Options{})
	fillLarge(t, db)
	return db
}

// fillLarge stores 96 documents, which have 6 MiB together.
func fillLarge(t testing.TB, db *tandem.Database) {
	t.Helper()
	c := defaultIn(t, db)
	text, _ := json.Marshal(strings.Repeat("x", 64<<10))
	check(t, db.InBatch(t.Context(), func(b *tandem.Batch) error {
		for i := range 96 {
			d, err := tandem.NewDocumentWithBody(fmt.Sprint(i), []byte(`{"text":`+string(text)+`}`))
			check(t, err)
			if err := b.Save(c, d); err != nil {
				return err
			}
		}
		return nil
	}))
}

func TestALargeResultIsReadAsItsRowsAreTaken(t *testing.T) {
	t.Parallel()
	db := large(t)
	q := query(t, db, "SELECT text FROM _")
	if got := length(t, executed(t)(q.Execute(t.Context()))); got != 96 {
		t.Errorf("got %d rows, want 96", got)
	}
	rows := executed(t)(q.Execute(t.Context()))
	for _, err := range rows.All() {
		check(t, err)
		break
	}
	if got := length(t, rows); got != 0 {
		t.Errorf("after leaving the loop: got %d rows, want none", got)
	}
	ctx, cancel := context.WithCancel(t.Context())
	rows = executed(t)(q.Execute(ctx))
	cancel()
	var err error
	for _, err = range rows.All() {
		if err != nil {
			break
		}
	}
	wantError(t, "a context that has ended", err, context.Canceled)
}

// Results may begin on other goroutines while the database closes.
func TestClosingTheDatabaseEndsLargeResultsThatBegin(t *testing.T) {
	t.Parallel()
	db := large(t)
	q := query(t, db, "SELECT text FROM _")
	var running sync.WaitGroup
	for range 8 {
		running.Go(func() {
			_, err := q.Execute(t.Context()) // left open
			if err != nil && !errors.Is(err, tandem.ErrNotOpen) && !errors.Is(err, context.Canceled) {
				t.Errorf("a query while the database closes: got %v", err)
			}
		})
	}
	executed(t)(q.Execute(t.Context()))
	check(t, db.Close())
	running.Wait()
}

// Each open result holds a connection, of which there are few.
func TestManyOpenResultsAreRefusedAndNotWaitedFor(t *testing.T) {
	t.Parallel()
	db := large(t)
	q := query(t, db, "SELECT text FROM _")
	var open []*tandem.ResultSet
	for range 100 {
		rows, err := q.Execute(t.Context())
		if err != nil {
			wantError(t, "one too many", err, tandem.ErrBusy)
			break
		}
		open = append(open, rows)
	}
	if len(open) != 32 {
		t.Errorf("got %d open results, want 32", len(open))
	}
	if got := length(t, executed(t)(query(t, db, "SELECT META().id FROM _").Execute(t.Context()))); got != 96 {
		t.Errorf("a small result beside: got %d rows, want 96", got)
	}
	for _, rows := range open {
		rows.Close()
		rows.Close()
	}
	if got := length(t, executed(t)(q.Execute(t.Context()))); got != 96 {
		t.Errorf("after they were closed: got %d rows, want 96", got)
	}
}

func TestClosingTheDatabaseEndsOpenResults(t *testing.T) {
	t.Parallel()
	db := large(t)
	q := query(t, db, "SELECT text FROM _")
	rows := executed(t)(q.Execute(t.Context()))
	check(t, db.Close())
	var err error
	for _, err = range rows.All() {
		if err != nil {
			break
		}
	}
	if err == nil {
		t.Error("the open result: got all rows, want an error")
	}
	_, err = q.Execute(t.Context())
	wantError(t, "a new run", err, tandem.ErrNotOpen)
}

func TestExplainTellsThePlan(t *testing.T) {
	t.Parallel()
	db := fruits(t)
	for text, want := range map[string]string{
		"SELECT name FROM _ WHERE META().id = 'a'":      "SEARCH d0 USING INDEX",
		"SELECT name FROM _ WHERE META().sequence > 10": "SEARCH d0 USING INTEGER PRIMARY KEY",
		"SELECT name FROM _ ORDER BY name":              "TEMP B-TREE",
	} {
		got, err := query(t, db, text).Explain(t.Context())
		check(t, err)
		if !strings.Contains(got, want) {
			t.Errorf("%s: got\n%s, want %q", text, got, want)
		}
	}
}
