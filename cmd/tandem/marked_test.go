package main

import (
	"strings"
	"testing"
)

func TestTheMarkStandsBelowTheMistake(t *testing.T) {
	for name, tt := range map[string]struct {
		text string // with ! before the mistake
		want string
	}{
		"one line":          {"SELECT !x", "  SELECT x\n         ^"},
		"the end":           {"SELECT x FROM!", "  SELECT x FROM\n               ^"},
		"several lines":     {"SELECT x\nFROM !y\nWHERE z", "  FROM y\n       ^"},
		"a tab":             {"SELECT\tx, !y", "  SELECT x, y\n            ^"},
		"other letters":     {"SELECT 'é世', !y", "  SELECT 'é世', y\n                ^"},
		"a letter of two":   {"SELECT 'e\u0301', !y", "  SELECT 'e', y\n              ^"},
		"a carriage return": {"SELECT x\r\n FROM !y\r\nWHERE z", "   FROM y \n        ^"},
		"a long line": {
			strings.Repeat("a", 1<<20) + "!" + strings.Repeat("b", 1<<20),
			"  …" + strings.Repeat("a", 60) + strings.Repeat("b", 60) + "…\n  " + strings.Repeat(" ", 61) + "^",
		},
	} {
		pos := strings.IndexByte(tt.text, '!')
		if got := excerpt(tt.text[:pos]+tt.text[pos+1:], pos); got != tt.want {
			t.Errorf("%s: %.100q: got\n%s\nwant\n%s", name, tt.text, got, tt.want)
		}
	}
}
