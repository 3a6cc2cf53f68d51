package queries_test

import (
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

// documentsOf returns documents with one property v each.
func documentsOf(values ...string) (all []querytest.Document) {
	for i, v := range values {
		body := `{"n":1}`
		if v != "" {
			body = `{"n":1,"v":` + v + `}`
		}
		all = append(all, querytest.Document{ID: fmt.Sprint(i), Sequence: int64(i + 1), Body: []byte(body)})
	}
	return all
}

// One group has the values that are equal, whatever way they are written.
func TestAGroupHasTheEqualValues(t *testing.T) {
	t.Parallel()
	db := open(t, querytest.Data{"_default.docs": documentsOf(
		"", "null", "null", "0", "-0.0", "false", "1", "1.0", "true", "1e0", "9007199254740993", "9007199254740992.0", "9007199254740992",
		"9223372036854775807", "9223372036854775808", "9223372036854775808.0", "18446744073709551615", "1.8446744073709551615e19", "0.5",
		`"a"`, `"\u0061"`, `"a\n"`, `"A"`, `""`, "[1,2]", "[1, 2]", "[2,1]", `{"a":1,"b":2}`, `{"b":2, "a":1}`, "{}",
	)})
	for _, db.sorting = range []bool{false, true} {
		_, rows, err := db.run("SELECT v + 0 AS k, count(*), sum(n) FROM docs GROUP BY v", nil, time.UTC)
		must(t, err)
		got := ""
		for _, row := range rows {
			got += fmt.Sprint(row[1].Int()) + " "
		}
		if want := "1 1 3 4 2 1 1 2 2 1 1 2 1 2 2 2 1 1 "; sorted(got) != sorted(want) {
			t.Errorf("sorting %v: got groups of %s, want %s", db.sorting, got, want)
		}
	}
}

func sorted(s string) string {
	words := strings.Fields(s)
	counts := map[string]int{}
	for _, w := range words {
		counts[w]++
	}
	return fmt.Sprint(counts)
}

// The values of queries over groups are computed in the one place or the other.
func TestWhoGroupsGivesTheSame(t *testing.T) {
	t.Parallel()
	values := []string{"", "null", "1", "2", "2.5", "true", `"a"`, `"12"`, `" 7x"`, "[1]", `{"x":1}`, "9223372036854775807", "-1e308"}
	var docs []querytest.Document
	for i, v := range values {
		for j, k := range []string{`"x"`, `"y"`, "null", "3", `{"a":[1,{"b":2}]}`} {
			if (i*j)%3 == 1 {
				continue
			}
			body := `{"k":` + k + `}`
			if v != "" {
				body = `{"v":` + v + `,"k":` + k + `}`
			}
			docs = append(docs, querytest.Document{ID: fmt.Sprint(len(docs)), Sequence: int64(len(docs) + 1), Body: []byte(body)})
		}
	}
	db := open(t, querytest.Data{"_default.docs": docs})
	for text, grouped := range map[string]bool{
		"SELECT k, count(*), count(v), sum(v % 100), avg(v), min(v), max(v), array_agg(v) FROM docs GROUP BY k":              true,
		"SELECT k, upper(k), k || '!', count(*) + 1 FROM docs GROUP BY k ORDER BY k DESC":                                    true,
		"SELECT k, v, count(*) FROM docs GROUP BY k, v HAVING count(*) > 0 AND k IS VALUED ORDER BY k, v":                    true,
		"SELECT length(k) AS l, max(v) FROM docs GROUP BY l HAVING l IN [1, 2] ORDER BY count(*), l":                         true,
		"SELECT v = 1 AS one, count(*) FROM docs GROUP BY one ORDER BY one":                                                  true,
		"SELECT DISTINCT count(*) FROM docs GROUP BY k, v ORDER BY 1":                                                        true,
		"SELECT k, ANY i IN v SATISFIES i = 1 END AS has, count(*) FROM docs GROUP BY k, v ORDER BY k, v":                    true,
		"SELECT k.a, count(*) FROM docs GROUP BY k.a":                                                                        true,
		"SELECT a.k, count(*), max(b.v) FROM docs a LEFT JOIN docs b ON META(b).id = a.v || '' GROUP BY a.k ORDER BY a.k":    true,
		"SELECT u, count(*) FROM docs d UNNEST d.k AS u GROUP BY u ORDER BY u":                                               true,
		"SELECT u.b, count(*), min(d.v) FROM docs d UNNEST d.k.a AS u GROUP BY u.b ORDER BY 1":                               true,
		"SELECT k, count(*) FROM docs GROUP BY k ORDER BY max(META().id) DESC NULLS LAST LIMIT 2 OFFSET 1":                   true,
		"SELECT k, sum(CASE WHEN v > $p THEN 1 ELSE 0 END) AS n FROM docs WHERE v != $p GROUP BY k HAVING n > $p ORDER BY n": true,
		"SELECT k, count(DISTINCT v) FROM docs GROUP BY k ORDER BY k":                                                        false,
		"SELECT k, count(*) FROM docs GROUP BY k COLLATE NOCASE ORDER BY k":                                                  false,
		"SELECT count(*), sum(v % 10) FROM docs":                                                                             false,
		"SELECT count(*) FROM docs GROUP BY META().id LIMIT 3":                                                               false,
		"SELECT k, v, count(*) FROM docs WHERE v = 1 GROUP BY k ORDER BY k":                                                  false,
	} {
		s, err := syntax.Parse(text)
		must(t, err)
		q, err := plan.Of(s, db.data)
		must(t, err)
		translated, err := sql.Translate(q, func(c plan.Collection) sql.Table { return sql.Table{Name: db.tables[c]} }, time.UTC)
		must(t, err)
		if got := translated.Sorting != nil; got != grouped {
			t.Errorf("%s: tandem_groups is used: got %v, want %v", text, got, grouped)
		}
		params := map[string]value.Value{}
		if strings.Contains(text, "$p") {
			params["p"] = value.OfInt(1)
		}
		agree(t, db, text, params)
	}
}
