package sql_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/querytest"
	"github.com/tandemdb/tandem/internal/query/sql"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
)

// arrays are indexes that queries may use.
var arrays = []sql.ArrayIndex{
	{Table: "i", Docs: "docs", Path: paths("a"), Terms: []plan.Expr{&plan.Property{}}},
	{Table: "j", Docs: "docs", Path: paths("a", "b"), Terms: []plan.Expr{&plan.Property{}}},
	{Table: "k", Docs: "docs", Path: paths("a"), Terms: []plan.Expr{&plan.Property{Path: paths("x")[0]}}},
}

func paths(keys ...string) (all []value.Path) {
	for _, key := range keys {
		all = append(all, value.Path{value.Key(key)})
	}
	return all
}

// FuzzTranslate checks that no text causes a panic in the translation or an unbounded translation.
func FuzzTranslate(f *testing.F) {
	for _, query := range []string{
		"SELECT DISTINCT h.b[0].c AS d, * FROM _ AS h LEFT JOIN _ AS i ON META(h).id = i.x UNNEST h.r AS r WHERE NOT h.a IS NULL ORDER BY d NULLS LAST",
		"SELECT ANY AND EVERY v IN [1, x, 'it''s'] SATISFIES v.x LIKE '%' END AS a FROM _ GROUP BY a HAVING count(*) > 1 LIMIT $n",
		"SELECT CASE x WHEN 1 THEN {'a': -1, 'b': x} END, x NOT BETWEEN 1 AND 2, x IN (), x IN $p, min(x COLLATE NOCASE) FROM _",
		"SELECT u.x FROM _ AS h UNNEST h.a AS u UNNEST u.b AS v WHERE u = $p AND u.x > 1 AND v IN [1, $q] AND h.x = 1 AND $p IN h.a",
		"SELECT x FROM _ WHERE ANY v IN a SATISFIES ANY w IN v.b SATISFIES w = $p END AND v.x BETWEEN 1 AND $p END",
		"SELECT upper(x) || str_to_utc(y), -9223372036854775808, 1e999, META(), _id = 5 FROM _ WHERE META().deleted",
	} {
		f.Add(query)
	}
	catalog := querytest.Data{"_default._default": nil}
	f.Fuzz(func(t *testing.T, query string) {
		s, err := syntax.Parse(query)
		if err != nil {
			return
		}
		q, err := plan.Of(s, catalog)
		var invalid *syntax.Error
		if err != nil {
			if !errors.As(err, &invalid) || invalid.Pos < 0 || invalid.Pos > len(query) {
				t.Errorf("%q: got %v, want an error within the text", query, err)
			}
			return
		}
		translated, err := sql.Translate(q, func(plan.Collection) sql.Table { return sql.Table{Name: "docs", Arrays: arrays} }, time.UTC)
		if err != nil && !errors.As(err, &invalid) {
			t.Errorf("%q: got %v, want a *syntax.Error", query, err)
		}
		if err == nil && (len(translated.Columns) != len(q.Columns) || len(translated.Text) > sql.MaxText) {
			t.Errorf("%q: got %d columns in %d bytes, want %d", query, len(translated.Columns), len(translated.Text), len(q.Columns))
		}
		for n := 0; err == nil && n < len(translated.Bindings); n++ {
			if !strings.Contains(translated.Text, fmt.Sprintf("?%d", n+1)) {
				t.Errorf("%q: got %q, want it to have the parameter ?%d", query, translated.Text, n+1)
			}
		}
	})
}
