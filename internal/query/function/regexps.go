package function

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/tandemdb/tandem/internal/query/value"
)

var regexps = []*Function{
	ofRegexp("regexp_contains", true, hasMatch), ofRegexp("regexp_like", true, hasMatch),
	ofRegexp("regexp_position", false, func(re *regexp.Regexp, s string) value.Value {
		at := re.FindStringIndex(s)
		if at == nil {
			return value.OfInt(-1)
		}
		return value.OfInt(int64(at[0]))
	}),
	{Name: "regexp_replace", Least: 3, Most: 4, Regexp: true, call: regexpReplace},
}

func hasMatch(re *regexp.Regexp, s string) value.Value { return value.OfBool(re.MatchString(s)) }

func ofRegexp(name string, boolean bool, call func(re *regexp.Regexp, s string) value.Value) *Function {
	return &Function{Name: name, Least: 2, Most: 2, Boolean: boolean, Regexp: true, call: func(_ Env, args []value.Value) (value.Value, error) {
		if v, absent := firstAbsent(args); absent {
			return v, nil
		}
		if args[0].Kind() != value.String || args[1].Kind() != value.String {
			return value.NullValue, nil
		}
		re, err := patternFor(args[0].Text(), args[1].Text())
		if err != nil {
			return value.Value{}, err
		}
		return call(re, args[0].Text()), nil
	}}
}

func regexpReplace(_ Env, args []value.Value) (value.Value, error) {
	if v, absent := firstAbsent(args); absent {
		return v, nil
	}
	for _, a := range args[:3] {
		if a.Kind() != value.String {
			return value.NullValue, nil
		}
	}
	most := -1
	if len(args) == 4 {
		if !args[3].IsNumber() {
			return value.NullValue, nil
		}
		most = int(max(-1, min(args[3].Float(), 1<<30)))
	}
	re, err := patternFor(args[0].Text(), args[1].Text())
	if err != nil {
		return value.Value{}, err
	}
	return replaced(re, args[0].Text(), template(args[2].Text()), most)
}

// The bounds of a replacement: the bytes of its result, and the places of matches and of their groups, which are all
// found before the first is replaced.
const (
	maxReplaced = 64 << 20
	maxPlaces   = 1 << 20
)

func replaced(re *regexp.Regexp, s, template string, most int) (value.Value, error) {
	places := maxPlaces / (re.NumSubexp() + 1)
	if most < 0 || most > places {
		most = places + 1
	}
	all := re.FindAllStringSubmatchIndex(s, most)
	if len(all) > places {
		return value.Value{}, fmt.Errorf("regexp_replace: the pattern matches more than %d times", places)
	}
	var dst []byte
	last, references := 0, strings.Count(template, "$")
	for _, at := range all {
		if len(dst)+at[1]-last+len(template)+references*(at[1]-at[0]) > maxReplaced {
			return value.Value{}, fmt.Errorf("regexp_replace: the text would have more than %d MiB", maxReplaced>>20)
		}
		dst = append(dst, s[last:at[0]]...)
		dst = re.ExpandString(dst, template, s, at)
		last = at[1]
	}
	return value.OfString(string(append(dst, s[last:]...))), nil
}

// template translates $1 and $& into the notation of Go's regular expressions.
func template(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '$' {
			b.WriteByte(s[i])
			continue
		}
		end := i + 1
		for end < len(s) && end < i+3 && s[end] >= '0' && s[end] <= '9' {
			end++
		}
		switch {
		case end > i+1:
			b.WriteString("${" + s[i+1:end] + "}")
			i = end - 1
		case strings.HasPrefix(s[i:], "$&"):
			b.WriteString("${0}")
			i++
		case strings.HasPrefix(s[i:], "$$"):
			b.WriteString("$$")
			i++
		default:
			b.WriteString("$$")
		}
	}
	return b.String()
}
