package tandem_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

// TestNoQueryTakesForever takes texts that could cost far more than their length. A mistake here does not fail the
// test: it does not end.
func TestNoQueryTakesForever(t *testing.T) {
	testsize.Whole(t)
	t.Parallel()
	db := fruits(t)
	repeat := strings.Repeat
	numbered := func(n int, format string) string {
		var b strings.Builder
		for i := range n {
			fmt.Fprintf(&b, format, i)
		}
		return b.String()
	}
	const rows = "rows"
	for what, tt := range map[string]struct {
		text string
		want string // a part of the message, or rows
	}{
		"columns":               {"SELECT " + repeat("n,", 500_000) + "n FROM _", "2000 columns"},
		"columns of one name":   {"SELECT " + repeat("n,", 1999) + "n FROM _ LIMIT 1", rows},
		"aliases":               {"SELECT " + numbered(80_000, "1 a%x,") + "n FROM _", "2000 columns"},
		"sources":               {"SELECT 1 FROM _ AS a " + numbered(40_000, "CROSS JOIN _ AS a%d "), "64 sources"},
		"terms of GROUP BY":     {"SELECT 1 FROM _ GROUP BY " + repeat("n,", 3000) + "n", "2000 terms"},
		"terms of ORDER BY":     {"SELECT 1 FROM _ ORDER BY " + repeat("n,", 3000) + "n", "2000 terms"},
		"parameters":            {"SELECT n FROM _ WHERE n IN (" + numbered(80_000, "$p%x,") + "1)", "10000 parameters"},
		"a long column":         {"SELECT [" + repeat("n,", 100_000) + "n] AS a FROM _ WHERE " + repeat("a OR ", 100_000) + "a", "repeat long"},
		"a column by number":    {"SELECT [" + repeat("n,", 100_000) + "n] AS a FROM _ ORDER BY " + repeat("1,", 1000) + "1", "repeat long"},
		"items":                 {"SELECT [" + repeat("n,", 10_000) + "n] FROM _ LIMIT 1", rows},
		"members":               {"SELECT {" + numbered(3_000, "'%x':n,") + "'':n} FROM _ LIMIT 1", rows},
		"arguments":             {"SELECT greatest(" + repeat("n,", 10_000) + "n) FROM _ LIMIT 1", rows},
		"+":                     {"SELECT 1" + repeat("+1", 500_000) + " FROM _", "deeper than 200"},
		"CASE":                  {"SELECT " + repeat("CASE WHEN 1 THEN ", 60_000) + "1 FROM _", "deeper than 200"},
		"OR":                    {"SELECT n FROM _ WHERE 1" + repeat(" OR 1", 20_000), rows},
		"IN":                    {"SELECT n FROM _ WHERE 1 IN (" + repeat("2,", 100_000) + "1)", rows},
		"digits":                {"SELECT " + repeat("9", 1_000_000) + ", ." + repeat("9", 10_000) + "e-10000 FROM _", rows},
		"LIKE":                  {"SELECT n FROM _ WHERE '" + repeat("a", 500_000) + "' NOT LIKE '%" + repeat("a", 250_000) + "b'", rows},
		"LIKE with _":           {"SELECT n FROM _ WHERE '" + repeat("a", 500_000) + "' LIKE '%" + repeat("_a", 200_000) + "b%'", "LIKE takes too long"},
		"a regular expression":  {"SELECT regexp_like('" + repeat("a", 100_000) + "', '" + repeat("a?", 3000) + repeat("a", 3000) + "') FROM _", rows},
		"steps of a pattern":    {"SELECT regexp_like(name, '" + repeat("(x{1000})", 100) + "') FROM _", "may have 20000"},
		"steps on a long text":  {"SELECT regexp_like('" + repeat("a", 500_000) + "', '" + repeat("a?", 3000) + "') FROM _", "too long for a regular"},
		"what a pattern is":     {"SELECT regexp_like(name, '" + repeat("(", 100_000) + "') FROM _", "regular expression is invalid"},
		"matches":               {"SELECT regexp_replace('" + repeat("a", 900_000) + "', '((((a))))', '') FROM _", "matches more than"},
		"what replaces a match": {"SELECT regexp_replace('" + repeat("a", 300_000) + "', 'a*', '" + repeat("$&", 300_000) + "') FROM _", "more than 64 MiB"},
	} {
		err := runAll(t, db, tt.text, nil)
		var invalid *tandem.QueryError
		switch {
		case tt.want == rows:
			check(t, err)
		case !errors.As(err, &invalid) || !strings.Contains(invalid.Message+invalid.Hint, tt.want):
			t.Errorf("%s: got %v, want a *QueryError with %q", what, err, tt.want)
		case len(invalid.Message) > 300:
			t.Errorf("%s: got a message of %d bytes", what, len(invalid.Message))
		}
	}
}
