package tandem_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/tandemdb/tandem"
)

func TestAQueryTellsWhatItHasScanned(t *testing.T) {
	t.Parallel()
	db := fruits(t)
	everywhere(t, db, func(t *testing.T, ctx context.Context) {
		for text, want := range map[string]int64{
			"SELECT name FROM _ WHERE price > 1":               3,
			"SELECT name FROM _ WHERE price > 1 ORDER BY name": 3,
			"SELECT name, count(*) FROM _ GROUP BY name":       3,
			"SELECT name FROM _ LIMIT 2":                       2,
			"SELECT name FROM _ WHERE META().id = 'a'":         0,
		} {
			q, err := db.CreateQuery(text)
			if err != nil {
				t.Fatal(err)
			}
			for range 2 { // the second run has the statement of the first
				got, err := q.Scanned(ctx, tandem.Parameters{})
				if err != nil || got != want {
					t.Errorf("%s: got %d scanned and %v, want %d", text, got, err, want)
				}
				rows, err := q.Execute(ctx)
				if err != nil {
					t.Fatal(err)
				}
				for _, err := range rows.All() {
					check(t, err)
				}
				if rows.Scanned() != want {
					t.Errorf("%s: its rows tell of %d scanned, want %d", text, rows.Scanned(), want)
				}
			}
		}
	})
}

func TestRowsAreCounted(t *testing.T) {
	t.Parallel()
	db := fruits(t)
	everywhere(t, db, func(t *testing.T, ctx context.Context) {
		for _, tt := range []struct {
			text   string
			params tandem.Parameters
			want   int64
		}{
			{"SELECT name FROM _ ORDER BY name", nil, 3},
			{"SELECT name, name FROM _ WHERE name != $but", tandem.Parameters{"but": "apple"}, 2},
			{"SELECT DISTINCT price IS VALUED FROM _", nil, 2},
			{"SELECT name FROM _ ORDER BY name LIMIT $n OFFSET 1", tandem.Parameters{"n": 1}, 1},
			{"SELECT name FROM _ GROUP BY name HAVING name > 'b'", nil, 2},
			{"SELECT t FROM _ AS f UNNEST f.tags AS t", nil, 3},
			{"SELECT count(*) FROM _", nil, 1},
			{"SELECT META().id FROM _ WHERE name = 'none'", nil, 0},
		} {
			n, err := db.QueryCount(ctx, tt.text, tt.params)
			if err != nil || n != tt.want {
				t.Errorf("%s: got %d rows and %v, want %d", tt.text, n, err, tt.want)
			}
			found, err := db.QueryExists(ctx, tt.text, tt.params)
			if err != nil || found != (tt.want > 0) {
				t.Errorf("%s: there are rows: got %t and %v, want %t", tt.text, found, err, tt.want > 0)
			}
		}
		_, err := db.QueryCount(ctx, "SELECT name FORM _")
		wantError(t, "a misspelt clause", err, tandem.ErrInvalidQuery)
		_, err = db.QueryExists(ctx, "SELECT name FROM _ WHERE name = $a", tandem.Parameters{"b": 1})
		wantError(t, "an unknown parameter", err, tandem.ErrInvalidParameter)
		_, err = db.QueryCount(ctx, "SELECT name FROM _ WHERE regexp_like(name, $p)", tandem.Parameters{"p": "("})
		var failed *tandem.QueryError
		if !errors.As(err, &failed) || failed.Pos != -1 {
			t.Errorf("an invalid pattern: got %v, want a *QueryError of the run", err)
		}
	})
}

func TestParametersAreStructsAndMaps(t *testing.T) {
	t.Parallel()
	db := fruits(t)
	type page struct {
		Least float64 `json:"least"`
		Tag   string  `json:"tag,omitempty"`
		Not   string  `json:"-"`
	}
	const text = "SELECT name FROM _ WHERE price >= $least AND ($tag IS MISSING OR array_contains(tags, $tag)) AND name IS VALUED"
	q := query(t, db, text)
	for _, given := range []any{
		page{Least: 1},
		&page{Least: 1, Tag: "red"},
		map[string]float64{"least": 1.5},
		tandem.Parameters{"least": 1, "tag": "green"},
	} {
		got, err := tandem.Collect[fruit](q.Execute(t.Context(), given))
		if err != nil || len(got) == 0 || got[0].Name != "apple" {
			t.Errorf("with %+v: got %v and %v, want the apple", given, got, err)
		}
		for f, err := range tandem.Select[fruit](t.Context(), db, text+" LIMIT 1", given) {
			check(t, err)
			if f.Name != "apple" {
				t.Errorf("Select with %+v: got %v, want the apple", given, f)
			}
		}
	}
	if n, err := q.Count(t.Context(), nil); n != 0 || err != nil {
		t.Errorf("with nil: got %d rows and %v, want none", n, err)
	}
	for what, tt := range map[string]struct {
		given any
		want  error
	}{
		"a text":                       {"France", tandem.ErrInvalidParameter},
		"a list":                       {[]int{1}, tandem.ErrInvalidParameter},
		"a struct with another member": {struct{ Most int }{1}, tandem.ErrInvalidParameter},
		"a struct without JSON":        {struct{ Least func() }{}, tandem.ErrBadJSON},
	} {
		wantError(t, what, q.SetParameters(tt.given), tt.want)
		_, err := q.Execute(t.Context(), tt.given)
		wantError(t, what, err, tt.want)
	}
}

// A text that was compiled means something else when collections come and go.
func TestCompiledQueriesFollowTheCollections(t *testing.T) {
	t.Parallel()
	db := fruits(t)
	text := "SELECT META().id FROM " + db.Name()
	count := func(want int64) {
		t.Helper()
		for range 2 {
			if n, err := db.QueryCount(t.Context(), text); n != want || err != nil {
				t.Errorf("%s: got %d rows and %v, want %d", text, n, err, want)
			}
		}
	}
	count(3) // of the default collection
	check(t, defaultIn(t, db).CreateIndex(t.Context(), "byName", tandem.ValueIndex{Expressions: []string{"name"}}))
	count(3)
	_, err := db.CreateCollection(t.Context(), tandem.DefaultName, db.Name())
	check(t, err)
	count(0) // of the one that has the name
	stop := errors.New("stop")
	wantError(t, "a batch that fails", db.InBatch(t.Context(), func(b *tandem.Batch) error {
		_, err := db.CreateCollection(b.Context(), "a", "b")
		check(t, err)
		n, err := db.QueryCount(b.Context(), "SELECT META().id FROM a.b")
		check(t, err)
		return errors.Join(stop, fmt.Errorf("%d rows", n))
	}), stop)
	_, err = db.QueryCount(t.Context(), "SELECT META().id FROM a.b")
	wantError(t, "a collection of a batch that failed", err, tandem.ErrInvalidQuery)
	check(t, db.DeleteCollection(t.Context(), tandem.DefaultName, db.Name()))
	count(3)
	for i := range 300 { // more than are kept
		n, err := db.QueryCount(t.Context(), fmt.Sprintf("SELECT META().id FROM _ LIMIT %d", i))
		if err != nil || n != int64(min(i, 3)) {
			t.Fatalf("query %d: got %d rows and %v, want %d", i, n, err, min(i, 3))
		}
	}
}
