package function_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/query/collation"
	"github.com/tandemdb/tandem/internal/query/function"
	"github.com/tandemdb/tandem/internal/query/value"
)

func like(s, pattern string) (bool, error) {
	v, err := function.Like(value.OfString(s), value.OfString(pattern), collation.Collation{})
	return v.Int() == 1, err
}

// plainLike tries every way in which a pattern may match.
func plainLike(s, pattern []rune) bool {
	switch {
	case len(pattern) == 0:
		return len(s) == 0
	case pattern[0] == '%':
		return plainLike(s, pattern[1:]) || len(s) > 0 && plainLike(s[1:], pattern)
	case len(s) == 0:
		return false
	case pattern[0] == '_':
		return plainLike(s[1:], pattern[1:])
	case pattern[0] == '\\' && len(pattern) > 1:
		pattern = pattern[1:]
	}
	return s[0] == pattern[0] && plainLike(s[1:], pattern[1:])
}

func TestPatternsMatchWhatTheySay(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		draw := func(of string, most int) string {
			return rapid.StringOfN(rapid.RuneFrom([]rune(of)), 0, most, -1).Draw(t, of)
		}
		s, pattern := draw(`abé%_\`, 10), draw(`ab_é%%_\`, 8)
		got, err := like(s, pattern)
		if want := plainLike([]rune(s), []rune(pattern)); err != nil || got != want {
			t.Fatalf("%q LIKE %q: got %v and %v, want %v", s, pattern, got, err, want)
		}
	})
}

// Any pattern ends soon, or says that it does not.
func TestNoPatternTakesLong(t *testing.T) {
	t.Parallel()
	const n = 200_000
	s := strings.Repeat("a", n)
	for pattern, fails := range map[string]bool{
		"%" + strings.Repeat("a", n/2) + "b":                     false,
		strings.Repeat("%a", n/2) + "b":                          false,
		"%" + strings.Repeat("a", n/2) + "b%":                    false,
		strings.Repeat("_%", n/2) + "b":                          false,
		"%" + strings.Repeat("_", n/2) + "b":                     false,
		"%" + strings.Repeat("_a", n/4) + "b%":                   true,
		"%_" + strings.Repeat("a", n/2) + "b%":                   true,
		"%a_" + strings.Repeat("a", n/2) + "_b%":                 true,
		"%" + strings.Repeat("a_", 100) + "b%":                   false,
		"%" + strings.Repeat("b_", n/4) + strings.Repeat("%", n): false,
	} {
		if got, err := like(s, pattern); got || (err != nil) != fails {
			t.Errorf("%.10s…: got %v and %v, want no match, and an error: %v", pattern, got, err, fails)
		}
	}
}
