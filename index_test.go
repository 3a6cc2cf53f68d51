package tandem_test

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandemdb/tandem"
)

// plan returns how a query is run.
func plan(t testing.TB, db *tandem.Database, text string) string {
	t.Helper()
	got, err := query(t, db, text).Explain(t.Context())
	check(t, err)
	return got[strings.Index(got, "\n\n"):]
}

func names(t testing.TB, db *tandem.Database, text string) (all []string) {
	t.Helper()
	for row, err := range db.Query(t.Context(), text) {
		check(t, err)
		all = append(all, fmt.Sprint(row.ValueAt(0)))
	}
	return all
}

func TestAnIndexServesTheQueriesThatHaveItsExpressions(t *testing.T) {
	t.Parallel()
	db := fruits(t)
	c := defaultIn(t, db)
	create := func(name string, i tandem.ValueIndex) { check(t, c.CreateIndex(t.Context(), name, i)) }
	create("byPrice", tandem.ValueIndex{Expressions: []string{"price, name"}})
	create("by name", tandem.ValueIndex{Expressions: []string{"upper(name)"}})
	create("noCase", tandem.ValueIndex{Expressions: []string{"name COLLATE NOCASE"}})
	create("unicode", tandem.ValueIndex{Expressions: []string{"n COLLATE (UNICODE NODIAC)"}})
	create("yellow", tandem.ValueIndex{Expressions: []string{"tags[0]"}, Where: "price IS NULL"})
	for text, want := range map[string]struct {
		index string
		names []string
	}{
		"SELECT name FROM _ WHERE price = 1.5":                                 {"byPrice", []string{"apple"}},
		"SELECT name FROM _ WHERE price IS MISSING":                            {"byPrice", []string{"cherry"}},
		"SELECT name FROM _ WHERE price IN (1.5, NULL) ORDER BY price":         {"byPrice", []string{"apple", "banana"}},
		"SELECT name FROM _ WHERE price IN $p AND name IS VALUED":              {"byPrice", nil},
		"SELECT name FROM _ WHERE upper(name) = 'BANANA'":                      {"by name", []string{"banana"}},
		"SELECT name FROM _ WHERE (name = 'CHERRY') COLLATE NOCASE":            {"noCase", []string{"cherry"}},
		"SELECT name FROM _ ORDER BY name COLLATE NOCASE LIMIT 1":              {"noCase", []string{"apple"}},
		"SELECT name FROM _ WHERE (n > 'x') COLLATE (UNICODE NODIAC)":          {"unicode", nil},
		"SELECT name FROM _ WHERE tags[0] = 'yellow' AND price IS NULL":        {"yellow", []string{"banana"}},
		"SELECT b.name FROM _ a JOIN _ b ON b.price = a.price ORDER BY b.name": {"byPrice", []string{"apple", "banana"}},
		"SELECT count(*) FROM _ GROUP BY price LIMIT 2":                        {"byPrice", []string{"1", "1"}},
		"SELECT count(*) FROM _ GROUP BY price ORDER BY price DESC LIMIT 1":    {"byPrice", []string{"1"}},
	} {
		if got := plan(t, db, text); !strings.Contains(got, "USING INDEX query_1_"+want.index) {
			t.Errorf("%s: got the plan%swant it to use %s", text, got, want.index)
		}
		if got := names(t, db, text); !cmp.Equal(got, want.names) {
			t.Errorf("%s: got %q, want %q", text, got, want.names)
		}
	}
}

func TestAnIndexFollowsItsDocuments(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "indexed")
	db := openAt(t, path, tandem.Options{})
	c := defaultIn(t, db)
	other := openAt(t, path, tandem.Options{}) // knows of the index only by the file
	save(t, c, "a", `{"name":"apple"}`)
	check(t, c.CreateIndex(t.Context(), "byName", tandem.ValueIndex{Expressions: []string{"name"}}))
	save(t, defaultIn(t, other), "b", `{"name":"banana"}`)
	edited := save(t, c, "c", `{"name":"cherry"}`)
	check(t, edited.SetBody([]byte(`{"name":"currant"}`)))
	check(t, c.Save(t.Context(), edited))
	gone := save(t, c, "d", `{"name":"date"}`)
	check(t, c.Delete(t.Context(), gone))
	const text = "SELECT name FROM _ WHERE name > '' ORDER BY name"
	want := []string{"apple", "banana", "currant"}
	look := func(what string, db *tandem.Database) {
		t.Helper()
		if got := names(t, db, text); !cmp.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
		if got := plan(t, db, text); !strings.Contains(got, "byName") || strings.Contains(got, "TEMP B-TREE") {
			t.Errorf("%s: got the plan%swant it to use byName, and not to sort", what, got)
		}
	}
	throughItsLife(t, db, other, look)
}

// throughItsLife looks at a database that is open twice, and in each form that it takes later. It
// returns the database as it is then: opened again, and encrypted.
func throughItsLife(t *testing.T, db, other *tandem.Database, look func(what string, db *tandem.Database)) *tandem.Database {
	t.Helper()
	path := db.Path()
	look("where it was made", db)
	look("beside", other)
	check(t, other.Close())
	check(t, db.Compact(t.Context()))
	look("compacted", db)
	copied := filepath.Join(t.TempDir(), "copied.tandem")
	check(t, db.Copy(t.Context(), copied))
	look("copied", openAt(t, copied, tandem.Options{MustExist: true}))
	check(t, db.Close())
	again := openAt(t, path, tandem.Options{MustExist: true})
	look("opened again", again)
	key, err := tandem.NewEncryptionKey(bytes.Repeat([]byte("k"), 32))
	check(t, err)
	check(t, again.ChangeEncryptionKey(t.Context(), key))
	look("encrypted", again)
	return again
}

func TestIndexesAreListedReplacedAndDeleted(t *testing.T) {
	t.Parallel()
	db := fruits(t)
	c := defaultIn(t, db)
	for _, i := range []tandem.IndexInfo{
		{Name: "b", Expressions: []string{"name"}, Where: ""}, {Name: "a", Expressions: []string{"name", "price"}, Where: "price > 1"}, {Name: "b", Expressions: []string{"name"}, Where: ""}, {Name: "b", Expressions: []string{"price"}, Where: ""},
	} {
		check(t, c.CreateIndex(t.Context(), i.Name, tandem.ValueIndex{Expressions: i.Expressions, Where: i.Where}))
	}
	list := func(want ...tandem.IndexInfo) {
		t.Helper()
		got, err := c.Indexes(t.Context())
		check(t, err)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("got (+), want (-):\n%s", diff)
		}
	}
	list(tandem.IndexInfo{Name: "a", Expressions: []string{"name", "price"}, Where: "price > 1"}, tandem.IndexInfo{Name: "b", Expressions: []string{"price"}, Where: ""})
	if got := plan(t, db, "SELECT name FROM _ WHERE name = 'x'"); strings.Contains(got, "query_1_b") {
		t.Errorf("after b was replaced: got the plan%s, want it to do without", got)
	}
	check(t, c.DeleteIndex(t.Context(), "b"))
	check(t, c.DeleteIndex(t.Context(), "nothing"))
	list(tandem.IndexInfo{Name: "a", Expressions: []string{"name", "price"}, Where: "price > 1"})

	shop, err := db.CreateCollection(t.Context(), "shop", "fruits")
	check(t, err)
	check(t, shop.CreateIndex(t.Context(), "a", tandem.ValueIndex{Expressions: []string{"name"}}))
	check(t, db.DeleteCollection(t.Context(), "shop", "fruits"))
	_, err = shop.Indexes(t.Context())
	wantError(t, "of a deleted collection", err, tandem.ErrNotFound)
}

func TestAnIndexThatCannotBeIsRefused(t *testing.T) {
	t.Parallel()
	db := fruits(t)
	c := defaultIn(t, db)
	for what, refused := range map[string]struct {
		name  string
		index tandem.Index
		want  error
	}{
		"no name":        {"", tandem.ValueIndex{Expressions: []string{"n"}}, tandem.ErrInvalid},
		"a quote":        {`bad"name`, tandem.ValueIndex{Expressions: []string{"n"}}, tandem.ErrInvalid},
		"nothing":        {"i", tandem.ValueIndex{}, tandem.ErrInvalid},
		"half":           {"i", tandem.ValueIndex{Expressions: []string{"n +"}}, tandem.ErrInvalidQuery},
		"empty":          {"i", tandem.ValueIndex{Expressions: []string{""}}, tandem.ErrInvalidQuery},
		"a parameter":    {"i", tandem.ValueIndex{Expressions: []string{"$p"}}, tandem.ErrInvalidQuery},
		"an aggregate":   {"i", tandem.ValueIndex{Expressions: []string{"count(n)"}}, tandem.ErrInvalidQuery},
		"a statement":    {"i", tandem.ValueIndex{Expressions: []string{"SELECT n FROM _"}}, tandem.ErrInvalidQuery},
		"a zone":         {"i", tandem.ValueIndex{Expressions: []string{"str_to_millis(n)"}}, tandem.ErrInvalidQuery},
		"ANY":            {"i", tandem.ValueIndex{Expressions: []string{"ANY x IN n SATISFIES x > 1 END"}}, tandem.ErrInvalidQuery},
		"a condition":    {"i", tandem.ValueIndex{Expressions: []string{"n"}, Where: "n ="}, tandem.ErrInvalidQuery},
		"no path":        {"i", tandem.ArrayIndex{Path: "", Expressions: []string{"x"}}, tandem.ErrInvalidQuery},
		"half a path":    {"i", tandem.ArrayIndex{Path: "items["}, tandem.ErrInvalidQuery},
		"no array":       {"i", tandem.ArrayIndex{Path: "upper(items)"}, tandem.ErrInvalidQuery},
		"a path's end":   {"i", tandem.ArrayIndex{Path: "items[]"}, tandem.ErrInvalidQuery},
		"two paths":      {"i", tandem.ArrayIndex{Path: "a, b"}, tandem.ErrInvalidQuery},
		"of an item":     {"i", tandem.ArrayIndex{Path: "a", Expressions: []string{"count(x)"}}, tandem.ErrInvalidQuery},
		"META of items":  {"i", tandem.ArrayIndex{Path: "a", Expressions: []string{"META().id"}}, tandem.ErrInvalidQuery},
		"item condition": {"i", tandem.ArrayIndex{Path: "a", Where: "$p"}, tandem.ErrInvalidQuery},
		"two conditions": {"i", tandem.ValueIndex{Expressions: []string{"n"}, Where: "n, m"}, tandem.ErrInvalidQuery},
	} {
		wantError(t, what, c.CreateIndex(t.Context(), refused.name, refused.index), refused.want)
	}
	if all, err := c.Indexes(t.Context()); err != nil || len(all) > 0 {
		t.Errorf("got %v and %v, want no index", all, err)
	}
	save(t, c, "later", `{"n":[1,{"m":null}]}`)
	var invalid *tandem.QueryError
	if err := c.CreateIndex(t.Context(), "i", tandem.ValueIndex{Expressions: []string{"lengt(n)"}}); !errors.As(err, &invalid) || invalid.Hint == "" {
		t.Errorf("got %v, want a *QueryError with a hint", err)
	}
}

func TestTheItemsOfAParameterAreSearchedThroughAnIndex(t *testing.T) {
	t.Parallel()
	db := fruits(t)
	c := defaultIn(t, db)
	save(t, c, "10", `{"name":"ten","price":true,"tags":[10]}`)
	check(t, c.CreateIndex(t.Context(), "byPrice", tandem.ValueIndex{Expressions: []string{"price"}}))
	for _, tt := range []struct {
		where, index string
		p            any
		want         []string
	}{
		{"META().id IN $p", "sqlite_autoindex_docs_1_1", []any{"a", "c", "a", "z", 10, nil}, []string{"apple", "cherry"}},
		{"META().id IN $p", "sqlite_autoindex_docs_1_1", []any{"10"}, []string{"ten"}},
		{"META().id IN $p", "sqlite_autoindex_docs_1_1", "a", nil},
		{"price IN $p AND name IS VALUED", "query_1_byPrice", []any{1.5, nil, []int{1}}, []string{"apple", "banana"}},
		{"price IN $p", "query_1_byPrice", []any{1}, []string{"ten"}},
		{"price IN $p", "query_1_byPrice", []any{}, nil},
		{"price IN $p", "query_1_byPrice", nil, nil},
		{"price IN $p", "query_1_byPrice", map[string]any{"x": 1.5}, nil},
		{"tags IN $p", "", []any{[]string{"yellow"}}, []string{"banana"}},
		{"price NOT IN $p", "", []any{1.5, true}, []string{"banana"}},
	} {
		text := "SELECT name FROM _ WHERE " + tt.where + " ORDER BY name"
		params := tandem.Parameters{"p": tt.p}
		var got []string
		for row, err := range db.Query(t.Context(), text, params) {
			check(t, err)
			got = append(got, fmt.Sprint(row.ValueAt(0)))
		}
		if !cmp.Equal(got, tt.want) {
			t.Errorf("%s with %v: got %q, want %q", text, tt.p, got, tt.want)
		}
		steps, err := query(t, db, text).Explain(t.Context(), params)
		check(t, err)
		if !strings.Contains(steps, tt.index) {
			t.Errorf("%s: got the plan %s, want it to use %q", text, steps, tt.index)
		}
	}
}
