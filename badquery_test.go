package tandem_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
)

// TestABadQueryIsAQueryErrorAndWritesNothing takes what can be wrong with a query, from its text to what its functions
// meet when it runs.
func TestABadQueryIsAQueryErrorAndWritesNothing(t *testing.T) {
	t.Parallel()
	db := fruits(t)
	c := defaultIn(t, db)
	save(t, c, "large", `{"large":9223372036854775807,"s":"x"}`)
	save(t, c, "larger", `{"large":9223372036854775807,"s":"("}`)
	const running = -1
	for _, tt := range []struct {
		text    string
		params  tandem.Parameters
		pos     int
		message string // a part of it
		hint    string // a part of it
	}{
		{"SELECT name FORM _", nil, 17, "expected a comma, AS or FROM", "FROM instead of FORM"},
		{"SELECT name FROM _ WEHRE TRUE", nil, 25, "expected", "WHERE"},
		{"SELECT lengthh(name) FROM _", nil, 7, `no function "lengthh"`, "length()"},
		{"SELECT length() FROM _", nil, 7, "takes 1 argument", ""},
		{"SELECT name FROM fruits", nil, 17, `no collection "fruits"`, "Database.Collections"},
		{"SELECT name FROM _ WHERE MATCH(byName, 'x')", nil, 31, `no full-text index "byName"`, "create one"},
		{"SELECT name FROM _ a JOIN _ b ON a.n = b.n", nil, 7, `"name" belongs to no source`, "a.name"},
		{"SELECT name FROM _; DELETE FROM docs_1", nil, 20, "expected", ""},
		{"DELETE FROM _", nil, 0, "expected SELECT", ""},
		{"SELECT regexp_like(name, '(') FROM _", nil, 25, "regular expression", ""},
		{"SELECT regexp_replace(name, '[', 'x') FROM _", nil, 28, "regular expression", ""},
		{"SELECT regexp_like(name, $p) FROM _", tandem.Parameters{"p": "a**"}, running, "regular expression", ""},
		{"SELECT regexp_like(name, s) FROM _ WHERE s IS VALUED", nil, running - 1, "", ""}, // only valid ones are met: name is missing there
		{"SELECT regexp_like('a', s) FROM _ WHERE s IS VALUED", nil, running, "regular expression", ""},
		{"SELECT sum(large) FROM _", nil, running, "overflow", ""},
		{"SELECT name FROM _ LIMIT 'x'", nil, 25, "LIMIT takes an integer", ""},
		{"SELECT name FROM _ LIMIT $n", tandem.Parameters{"n": 2.7}, running, "LIMIT needs an integer", ""},
		{"SELECT name FROM _ LIMIT $n", tandem.Parameters{"n": "x"}, running, "LIMIT needs an integer", ""},
		{"SELECT name FROM _ LIMIT $n", nil, running, "LIMIT needs an integer", ""},
		{"SELECT name FROM _ OFFSET $n", tandem.Parameters{"n": []int{1}}, running, "OFFSET needs an integer", ""},
		{"SELECT name FROM _ LIMIT regexp_position('a', $n)", tandem.Parameters{"n": "("}, running, "regular expression", ""},
		{"SELECT name FROM _ LIMIT name", nil, 25, "cannot depend on a document", ""},
		{"SELECT " + strings.Repeat("(", 10_000) + "1" + strings.Repeat(")", 10_000) + " FROM _", nil, 207, "deeper than 200", ""},
		{"SELECT '" + strings.Repeat("x", 10<<20) + "' FROM _", nil, 1 << 20, "may have 1048576", "parameters"},

		// Patterns that end with a backslash, and comparisons of all kinds, are valid: running - 1 stands for that.
		{"SELECT name FROM _ WHERE name LIKE 'x\\'", nil, running - 1, "", ""},
		{"SELECT name FROM _ WHERE tags < name OR name = 5 OR price > tags", nil, running - 1, "", ""},
		{"SELECT large + 1, -large * 9223372036854775807, 1e308 * 10 FROM _", nil, running - 1, "", ""},
		{"SELECT name FROM _ LIMIT $n", tandem.Parameters{"n": " 2.0 "}, running - 1, "", ""},
	} {
		err := runAll(t, db, tt.text, tt.params)
		var invalid *tandem.QueryError
		switch text := tt.text[:min(len(tt.text), 80)]; {
		case tt.pos < running:
			if err != nil {
				t.Errorf("%s: got %v, want rows", text, err)
			}
		case !errors.As(err, &invalid) || !errors.Is(err, tandem.ErrInvalidQuery):
			t.Errorf("%s: got %v, want a *QueryError that is ErrInvalidQuery", text, err)
		case invalid.Pos != tt.pos || !strings.Contains(invalid.Message, tt.message) || !strings.Contains(invalid.Hint, tt.hint):
			t.Errorf("%s: got %q at %d with the hint %q, want %q at %d with %q", text, invalid.Message, invalid.Pos, invalid.Hint, tt.message, tt.pos, tt.hint)
		}
	}
	wantError(t, "an unknown parameter", runAll(t, db, "SELECT $a FROM _", tandem.Parameters{"b": 1}), tandem.ErrInvalidParameter)
	wantError(t, "a parameter that is no JSON", runAll(t, db, "SELECT $a FROM _", tandem.Parameters{"a": func() {}}), tandem.ErrBadJSON)
	if got := names(t, db, "SELECT count(*), max(META().sequence) FROM _"); fmt.Sprint(got) != "[5]" {
		t.Errorf("afterwards: got %v documents, want 5", got)
	}
	problems, err := db.Check(t.Context())
	check(t, err)
	if len(problems) > 0 {
		t.Errorf("afterwards: got the problems %v, want none", problems)
	}
}

// runAll compiles and runs a query, and takes all of its rows.
func runAll(t testing.TB, db *tandem.Database, text string, params tandem.Parameters) error {
	for _, err := range db.Query(t.Context(), text, params) {
		if err != nil {
			return err
		}
	}
	return nil
}
