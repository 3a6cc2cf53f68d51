package querytest

import (
	_ "embed"
	"fmt"
	"iter"
	"slices"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/query/value"
)

// Expression is an expression with the value that it has by the description of the language.
type Expression struct {
	Text string
	Want string // JSON, MISSING or ERROR
}

//go:embed testdata/expressions.txt
var expressions string

// Expressions returns expressions over the only document of [One].
func Expressions(t testing.TB) (all []Expression) {
	t.Helper()
	for text, want := range arrows(t, "expressions.txt", expressions) {
		all = append(all, Expression{text, want})
	}
	return all
}

// arrows yields both sides of the lines of a file, each of the form LEFT => RIGHT. It skips comments and empty lines.
func arrows(t testing.TB, file, content string) iter.Seq2[string, string] {
	return func(yield func(left, right string) bool) {
		for line := range strings.Lines(content) {
			line = strings.TrimSuffix(line, "\n")
			if line == "" || line[0] == '#' {
				continue
			}
			i := strings.LastIndex(line, " => ")
			if i < 0 {
				t.Fatalf("%s: this line has no =>: %s", file, line)
			}
			if !yield(line[:i], line[i+len(" => "):]) {
				return
			}
		}
	}
}

// Query returns the query with the expression as its only column.
func (x Expression) Query() string { return "SELECT " + x.Text + " FROM one" }

// Parameters returns the values of those parameters that a query has.
func (x Expression) Parameters(names []string) map[string]value.Value {
	params := map[string]value.Value{}
	for name, text := range map[string]string{"p": `{"x":[1,{"y":2}]}`, "q": "null"} {
		if slices.Contains(names, name) {
			params[name] = value.FromJSON([]byte(text))
		}
	}
	return params
}

// Check describes how the value of the expression differs; it returns "" if it does not.
func (x Expression) Check(rows [][]value.Value, err error) string {
	switch {
	case x.Want == "ERROR" && err != nil:
		return ""
	case err != nil:
		return fmt.Sprintf("%s\ngot the error %v, want %s", x.Text, err, x.Want)
	case len(rows) != 1:
		return fmt.Sprintf("%s\ngot %d rows, want 1", x.Text, len(rows))
	}
	var want value.Value
	got := "MISSING"
	if x.Want == "ERROR" {
		return fmt.Sprintf("%s\ngot %s, want an error", x.Text, rows[0][0].AppendJSON(nil))
	}
	if x.Want != "MISSING" {
		want = value.FromJSON([]byte(x.Want))
	}
	v := rows[0][0]
	if !v.IsMissing() {
		got = string(v.AppendJSON(nil))
	}
	if !same(v, want) || v.Kind() != want.Kind() {
		return fmt.Sprintf("%s\ngot %s, want %s", x.Text, got, x.Want)
	}
	return ""
}

// One has the document of the expressions.
func One() Data {
	return Data{"_default.one": {{ID: "doc", Sequence: 1, Body: []byte(`{
		"i": 3, "j": -7, "f": 2.5, "d": 3.0, "z": 0, "big": 9223372036854775807, "u": 18446744073709551615,
		"t": true, "b": false, "n": null, "s": "abc", "e": "", "num": "10", "half": "2.5x",
		"arr": [1, 2, null, "x", true, [5, 6]], "nums": [4, -1, 2.5], "empty": [], "obj": {"k": 1, "l": {"m": [10, 20]}},
		"objs": [{"x": 1, "y": "a"}, {"x": 2}, {"y": "b"}, 3],
		"weird key": 5, "a.b": 6, "q` + "`" + `q": 7, "back\\slash": 8, "select": 9, "all": 10}`)}}}
}
