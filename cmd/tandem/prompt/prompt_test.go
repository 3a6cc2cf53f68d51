package prompt_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/rivo/uniseg"
	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/cmd/tandem/prompt"
	"github.com/tandemdb/tandem/internal/testsize"
)

func TestAStatementEndsAtItsSemicolon(t *testing.T) {
	for text, want := range map[string][]string{
		"SELECT 1; SELECT 2;":         {"SELECT 1", " SELECT 2", ""},
		"SELECT ';' ;":                {"SELECT ';' ", ""},
		`SELECT 'it''s; ', "a;""b;";`: {`SELECT 'it''s; ', "a;""b;"`, ""},
		"SELECT `a;b` /* ; */;x":      {"SELECT `a;b` /* ; */", "x"},
		"SELECT 'open;":               {"SELECT 'open;"},
		"SELECT /* open;":             {"SELECT /* open;"},
		"":                            {""},
	} {
		var got []string
		rest := text
		for {
			statement, after, ok := prompt.Cut(rest)
			if !ok {
				break
			}
			got, rest = append(got, statement), after
		}
		if got = append(got, rest); !slices.Equal(got, want) {
			t.Errorf("%q: got %q, want %q", text, got, want)
		}
	}
	for text, want := range map[string]bool{"": true, " \n": true, " /* ; */ ": true, "x": false, "/": false} {
		if got := prompt.IsBlank(text); got != want {
			t.Errorf("blank %q: got %t, want %t", text, got, want)
		}
	}
}

func TestTheHistoryHasStatementsOnOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"SELECT a,\n\t  b\r\n  FROM _": "SELECT a, b FROM _",
		"SELECT 'a  b' /* x\ny */":     "SELECT 'a  b' /* x y */",
		"SELECT 'a\nb'":                "",
		"SELECT `a\nb`":                "",
	} {
		got, ok := prompt.Fold(text)
		if got != want || ok != (want != "") {
			t.Errorf("%q: got %q, %t, want %q", text, got, ok, want)
		}
	}
}

func TestParametersOfAStatement(t *testing.T) {
	got := prompt.Params("SELECT $a, '$b', `$c`, $d.e, $f_1 /* $g */")
	if want := []string{"a", "d", "f_1"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

var words = prompt.Words{
	Commands: []string{".explain", ".export"}, Keywords: []string{"FROM", "SELECT", "SATISFIES"}, Functions: []string{"lower", "length"},
	Collections: []string{"_", "shop.fruits"}, Properties: []string{"name", "geo", "geo.lat", "`a b`"},
}

func TestWordsAreCompleted(t *testing.T) {
	for _, c := range []struct {
		before, line string // ^ is the cursor
		want         []string
	}{
		{"", "SE^", []string{"SELECT"}},
		{"", "se^", []string{"select"}},
		{"", "s^ x", []string{"satisfies", "select", "shop.fruits"}},
		{"", "SELECT na^ FROM _", []string{"name"}},
		{"", "SELECT f.geo.^", []string{"f.geo.lat"}},
		{"", "SELECT geo^", []string{"geo", "geo.lat"}},
		{"", "SELECT `a^", []string{"`a b`"}},
		{"", "SELECT le^", []string{"length("}},
		{"", "SELECT name FROM ^", []string{"_", "shop.fruits"}},
		{"SELECT name\nFROM\n", "sh^", []string{"shop.fruits"}},
		{"", "SELECT x^", nil},
		{"", "SELECT ^", nil},
		{"", "SELECT 'na^", nil},
		{"SELECT 'x\n", "na^", nil},
		{"", "SELECT $na^", nil},
		{"", ".ex^", []string{".explain", ".export"}},
		{"SELECT\n", ".ex^", nil},
		{"", "SELECT 'ä', na^", []string{"name"}},
	} {
		line, after, _ := strings.Cut(c.line, "^")
		head, got, tail := words.Complete(c.before, line+after, len([]rune(line)))
		if !slices.Equal(got, c.want) {
			t.Errorf("%q: got %q, want %q", c.line, got, c.want)
		}
		if !strings.HasPrefix(line, head) || tail != after {
			t.Errorf("%q: got the parts %q and %q", c.line, head, tail)
		}
	}
}

func TestATableFitsTheTerminal(t *testing.T) {
	for name, c := range map[string]struct {
		width int
		rows  [][]string
		want  string
	}{
		"no terminal": {0, [][]string{{"apple", "a text that is long", "1"}}, "name   text                 n\napple  a text that is long  1\n"},
		"wide":        {40, [][]string{{"apple", "a text", ""}}, "name   text    n\napple  a text  \n"},
		"narrow":      {26, [][]string{{"apple", "a text that is long", "1"}}, "name   text              n\napple  a text that is …  1\n"},
		"wide letters": {
			24,
			[][]string{{"日本", "日本語のとても長い名前", "1"}, {"e\u0301", "x", "2"}},
			"name  text             n\n日本  日本語のとても…  1\ne\u0301     x                2\n",
		},
		"too narrow": {16, [][]string{{"apple", "a text that is long", "1"}, {"b", "c", "2"}}, "name  apple\ntext  a text th…\nn     1\n\nname  b\ntext  c\nn     2\n"},
	} {
		var b strings.Builder
		err := prompt.Table{Names: []string{"name", "text", "n"}, Width: c.width}.Write(&b, c.rows, true)
		if got := b.String(); err != nil || got != c.want {
			t.Errorf("%s: got\n%s(%v), want\n%s", name, got, err, c.want)
		}
	}
}

func TestNoLineOfATableIsTooLong(t *testing.T) {
	cell := rapid.StringOf(rapid.SampledFrom([]rune("ab日本 🙂é")))
	testsize.Check(t, func(t *rapid.T) {
		columns := rapid.IntRange(1, 8).Draw(t, "columns")
		width := rapid.IntRange(20, 60).Draw(t, "width")
		row := rapid.SliceOfN(cell, columns, columns)
		table := prompt.Table{Names: row.Draw(t, "names"), Width: width}
		var b strings.Builder
		if err := table.Write(&b, rapid.SliceOfN(row, 0, 4).Draw(t, "rows"), true); err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(b.String(), "\n") {
			if got := uniseg.StringWidth(line); got > width {
				t.Fatalf("a line of %d places, want at most %d:\n%s", got, width, b.String())
			}
		}
	})
}
