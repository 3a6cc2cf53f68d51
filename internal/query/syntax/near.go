package syntax

import (
	"slices"
	"strings"
)

// clauses are the keywords that may follow at the end of a clause.
var clauses = []string{
	"FROM", "WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "OFFSET", "JOIN", "INNER", "LEFT", "CROSS", "UNNEST",
	"AND", "OR", "COLLATE", "AS", "ON", "BETWEEN", "LIKE",
}

// nearest returns the keyword that a word probably misspells. It returns "" for a keyword, and for
// a word that resembles none.
func nearest(t token, keywords []string) string {
	if t.kind != word || len(t.text) < 3 || isReserved(t.text) {
		return ""
	}
	return Nearest(t.text, slices.DeleteFunc(slices.Clone(keywords), func(k string) bool { return len(k) < 4 }))
}

// Nearest returns the name that given probably misspells, or "".
func Nearest(given string, names []string) string {
	best, least := "", 3
	for _, name := range names {
		d := distance(strings.ToUpper(given), strings.ToUpper(name))
		if d < least && d < (len(name)+2)/2 {
			best, least = name, d
		}
	}
	return best
}

// distance counts the insertions, deletions, replacements and swaps of neighbouring letters that
// turn a into b, up to 3.
func distance(a, b string) int {
	if len(a) > len(b)+2 || len(b) > len(a)+2 {
		return 3
	}
	var rows [3][]int // the last two rows and the next one
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
	}
	for j := range rows[1] {
		rows[1][j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, last, row := rows[0], rows[1], rows[2]
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		rows[0], rows[1], rows[2] = last, row, before
	}
	return min(rows[1][len(b)], 3)
}
