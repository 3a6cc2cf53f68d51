package function

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/tandemdb/tandem/internal/query/collation"
	"github.com/tandemdb/tandem/internal/query/value"
)

// Like matches v with a pattern: % stands for any characters, _ for one, and a backslash escapes
// both. Numbers are matched as text, booleans as 1 and 0. NULL, arrays and objects never match. Its error is for a
// pattern that takes too long.
func Like(v, pattern value.Value, c collation.Collation) (value.Value, error) {
	if v.IsMissing() || pattern.IsMissing() {
		return value.Value{}, nil
	}
	if !likeable(v) || !likeable(pattern) {
		return value.OfInt(0), nil
	}
	match, err := matches(c.Fold(v.Untagged().Display()), c.Fold(pattern.Untagged().Display()))
	return value.OfBool(match).Untagged(), err
}

func likeable(v value.Value) bool { return v.Kind() != value.Null && !v.IsComposite() }

// run is a part of a pattern without %: texts with one character between each two.
type run []string

// runs splits a pattern at each %.
func runs(pattern string) []run {
	all := []run{nil}
	var text strings.Builder
	end := func() {
		last := len(all) - 1
		all[last] = append(all[last], text.String())
		text.Reset()
	}
	for i := 0; i < len(pattern); i++ {
		switch c := pattern[i]; {
		case c == '_':
			end()
		case c == '%':
			end()
			all = append(all, nil)
		case c == '\\' && i+1 < len(pattern):
			i++
			text.WriteByte(pattern[i])
		default:
			text.WriteByte(c)
		}
	}
	end()
	return all
}

func matches(s, pattern string) (bool, error) {
	all := runs(pattern)
	rest, missing := all[0].cut(s)
	last := len(all) - 1
	if missing != none || last == 0 {
		return missing == none && rest == "", nil
	}
	rest, ok := all[last].cutEnd(rest)
	if !ok {
		return false, nil
	}
	work := maxLikeWork
	for _, r := range all[1:last] {
		var err error
		if rest, ok, err = r.find(rest, &work); !ok || err != nil {
			return false, err
		}
	}
	return true, nil
}

// cut returns what of s follows the run at its beginning. If s does not begin with the run, it returns the first of the
// run's texts that is not there, and from where on.
func (r run) cut(s string) (rest string, missing int) {
	for i, text := range r {
		if i > 0 {
			if s == "" {
				return s, i
			}
			_, n := utf8.DecodeRuneInString(s)
			s = s[n:]
		}
		var ok bool
		if s, ok = strings.CutPrefix(s, text); !ok {
			return s, i
		}
	}
	return s, none
}

const none = -1

// cutEnd returns what of s precedes the run at its end.
func (r run) cutEnd(s string) (rest string, ok bool) {
	for i := len(r) - 1; i >= 0; i-- {
		if s, ok = strings.CutSuffix(s, r[i]); !ok {
			return s, false
		}
		if i > 0 {
			if s == "" {
				return s, false
			}
			_, n := utf8.DecodeLastRuneInString(s)
			s = s[:len(s)-n]
		}
	}
	return s, true
}

// maxLikeWork bounds how many bytes are compared again and again for one pattern: less than a second's work.
const maxLikeWork = 1 << 27

var errLike = errors.New("the pattern of LIKE takes too long: let it have fewer _ after a %")

// find looks for the first match of the run in s, and returns the rest of s behind it. It subtracts its steps
// from work, the steps that are left.
func (r run) find(s string, work *int) (rest string, ok bool, err error) {
	for {
		at := strings.Index(s, r[0])
		if at < 0 {
			return s, false, nil
		}
		s = s[at:]
		rest, missing := r.cut(s)
		if missing == none || s == "" {
			return rest, missing == none, nil
		}
		if *work -= len(s) - len(rest) + r.begun(missing, rest); *work < 0 {
			return s, false, errLike
		}
		_, n := utf8.DecodeRuneInString(s)
		s = s[n:]
	}
}

// begun returns at most how many bytes of a text are those that s begins with.
func (r run) begun(text int, s string) int {
	if missing := r[text]; s != "" && missing != "" && s[0] == missing[0] {
		return min(len(missing), len(s))
	}
	return 1
}
