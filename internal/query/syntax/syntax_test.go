package syntax_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/querytest"
	"github.com/tandemdb/tandem/internal/query/syntax"
)

func TestAnErrorHasItsPlaceAndAHint(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]struct {
		pos     int
		message string // part of the message
		hint    string // part of the hint
	}{
		"":                                          {0, "expected SELECT, found the end", ""},
		"SELCT x FROM one":                          {0, "expected SELECT", "SELECT instead of SELCT"},
		"SELECT x FORM one":                         {14, "expected a comma, AS or FROM", "FROM instead of FORM"},
		"SELECT x FROM one WERE y":                  {23, "expected a clause or the end", "WHERE instead of WERE"},
		"SELECT x FROM one ORDER y":                 {24, "expected BY", ""},
		"SELECT x AS select FROM one":               {12, "expected a name for the column", "backquotes"},
		"SELECT 1 + FROM one":                       {11, "expected an expression", "FROM is a reserved word"},
		"SELECT 'x FROM one":                        {18, "begins at byte 7 has no end", ""},
		"SELECT /* x FROM one":                      {7, "comment has no end", "*/"},
		"SELECT näme FROM one":                      {8, "'ä' means nothing", "backquotes"},
		"SELECT 1_000 FROM one":                     {8, "a number cannot be followed by a letter", ""},
		"SELECT $ FROM one":                         {8, "a parameter needs a name", ""},
		"SELECT a[x] FROM one":                      {9, "expected an integer", ""},
		"SELECT a[99999999999] FROM one":            {9, "out of range", ""},
		"SELECT x FROM travel . airlines":           {21, "no space may stand around the dot", ""},
		"SELECT x FROM one a JOIN one b":            {30, "expected ON", ""},
		"SELECT x FROM one ORDER BY x NULLS FRIST":  {35, "expected FIRST or LAST", "FIRST instead of FRIST"},
		"SELECT (SELECT x FROM one) FROM one":       {8, "subqueries are not supported", "run a second query"},
		"SELECT x FROM one UNION SELECT y":          {24, "expected a clause or the end", "run a second query"},
		"WITH x AS (SELECT 1) SELECT y FROM x":      {0, "expected SELECT", "one SELECT"},
		"DELETE FROM one":                           {0, "expected SELECT", "only read"},
		"SELECT x FROM one, two":                    {17, "expected a clause or the end", "write JOIN"},
		"SELECT x FROM one LIMIT 2, 3":              {25, "expected a clause or the end", "LIMIT n OFFSET m"},
		"SELECT x FROM one a RIGHT JOIN two b ON 1": {20, "expected a clause or the end", "LEFT JOIN"},
		"SELECT x FROM one WHERE w MATCH 'sea'":     {26, "expected a clause or the end", "MATCH(index, text)"},
		"SELECT x NOT = 1 FROM one":                 {13, "expected NULL, IN, LIKE or BETWEEN", ""},
	} {
		_, err := syntax.Parse(query)
		querytest.Refused(t, query, err, want.pos, want.message, want.hint)
	}
}

func TestWhatIsTooLongOrTooDeepIsRefused(t *testing.T) {
	t.Parallel()
	const deep = 10_000
	for name, query := range map[string]string{
		"ten megabytes": "SELECT '" + strings.Repeat("x", 10<<20) + "' FROM one",
		"parentheses":   "SELECT " + strings.Repeat("(", deep) + "1" + strings.Repeat(")", deep) + " FROM one",
		"brackets":      "SELECT " + strings.Repeat("[", deep) + strings.Repeat("]", deep) + " FROM one",
		"minus":         "SELECT " + strings.Repeat("- ", deep) + "x FROM one",
		"NOT":           "SELECT " + strings.Repeat("NOT ", deep) + "x FROM one",
		"a chain of +":  "SELECT 1" + strings.Repeat("+1", deep) + " FROM one",
		"a chain of =":  "SELECT 1" + strings.Repeat("=1", deep) + " FROM one",
		"CASE":          "SELECT " + strings.Repeat("CASE WHEN 1 THEN ", deep) + " FROM one",
		"ANY":           "SELECT " + strings.Repeat("ANY x IN ", deep) + " FROM one",
		"functions":     "SELECT " + strings.Repeat("abs(", deep) + " FROM one",
		"steps":         "SELECT a" + strings.Repeat(".a", deep) + " FROM one",
		"mixed":         "SELECT " + strings.Repeat("NOT (-[{'a':", deep) + " FROM one",
	} {
		if _, err := syntax.Parse(query); !errors.Is(err, fault.InvalidQuery) {
			t.Errorf("%s: got %v, want an invalid query", name, err)
		}
	}
}

func TestLongConditionsAreNotDeep(t *testing.T) {
	t.Parallel()
	query := "SELECT x FROM one WHERE a = 1" + strings.Repeat(" OR a = 1", 10_000)
	if _, err := syntax.Parse(query); err != nil {
		t.Errorf("10,000 conditions: got %v, want none", err)
	}
}

// FuzzParse checks that no text causes a panic, and that the position of an error lies within the
// text.
func FuzzParse(f *testing.F) {
	for _, query := range []string{
		"SELECT DISTINCT a.b[0].c AS d, * FROM travel.hotels h LEFT JOIN _ ON META(h).id = x UNNEST h.r AS r WHERE NOT a IS NULL",
		"SELECT ANY AND EVERY v IN [1,.5e3,'it''s'] SATISFIES v.x LIKE '%' END FROM q GROUP BY 1 HAVING count(*) > 1 ORDER BY x COLLATE (UNICODE:sv NODIAC) DESC NULLS LAST LIMIT $n OFFSET 2;",
		"SELECT CASE x WHEN 1 THEN {'a': -1} ELSE `b``c` END, x NOT BETWEEN 1 AND 2, x IN (), count(DISTINCT x) /* c */ FROM one",
		"contacts[].phones[0].`a b`[].x[-1]",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		_, err := syntax.Parse(query)
		var invalid *syntax.Error
		if err != nil && (!errors.As(err, &invalid) || invalid.Pos < 0 || invalid.Pos > len(query)) {
			t.Errorf("%q: got %v, want an error within the text", query, err)
		}
		if _, err := syntax.ParseExpressions(query); err != nil && !errors.As(err, &invalid) {
			t.Errorf("%q: got %v, want a *syntax.Error", query, err)
		}
		if path, err := syntax.ParseArrayPath(query); err != nil && !errors.As(err, &invalid) || err == nil && len(path) == 0 {
			t.Errorf("%q: got the path %v and %v, want one or a *syntax.Error", query, path, err)
		}
	})
}
