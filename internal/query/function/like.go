package function

import (
	"unicode/utf8"

	"github.com/tandemdb/tandem/internal/query/collation"
	"github.com/tandemdb/tandem/internal/query/value"
)

// Like matches v with a pattern: % stands for any characters, _ for one, and a backslash escapes
// both. Numbers are matched as text, booleans as 1 and 0. NULL, arrays and objects never match.
func Like(v, pattern value.Value, c collation.Collation) value.Value {
	if v.IsMissing() || pattern.IsMissing() {
		return value.Value{}
	}
	if !likeable(v) || !likeable(pattern) {
		return value.OfInt(0)
	}
	if matches(c.Fold(v.Untagged().Display()), c.Fold(pattern.Untagged().Display())) {
		return value.OfInt(1)
	}
	return value.OfInt(0)
}

func likeable(v value.Value) bool { return v.Kind() != value.Null && !v.IsComposite() }

// matches backtracks only to the last %, which suffices and bounds the time by the product of the
// lengths.
func matches(s, pattern string) bool {
	i, j := 0, 0
	retryS, retryPattern := -1, -1
	for {
		if j < len(pattern) && pattern[j] == '%' {
			j++
			retryS, retryPattern = i, j
			continue
		}
		if i == len(s) && j == len(pattern) {
			return true
		}
		if i < len(s) && j < len(pattern) {
			if n, m := matchOne(s[i:], pattern[j:]); n > 0 {
				i, j = i+n, j+m
				continue
			}
		}
		if retryS < 0 || retryS >= len(s) {
			return false
		}
		_, n := utf8.DecodeRuneInString(s[retryS:])
		retryS += n
		i, j = retryS, retryPattern
	}
}

// matchOne returns the lengths of the characters of s and the pattern that match each other, or 0.
func matchOne(s, pattern string) (ofS, ofPattern int) {
	_, n := utf8.DecodeRuneInString(s)
	escaped := 0
	if pattern[0] == '_' {
		return n, 1
	}
	if pattern[0] == '\\' && len(pattern) > 1 {
		escaped = 1
	}
	_, m := utf8.DecodeRuneInString(pattern[escaped:])
	if s[:n] != pattern[escaped:escaped+m] {
		return 0, 0
	}
	return n, escaped + m
}
