package function

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"
	"golang.org/x/text/unicode/norm"

	"github.com/tandemdb/tandem/internal/query/value"
)

var texts = []*Function{
	strict("length", 1, 1, func(args []value.Value) value.Value {
		if args[0].Kind() != value.String {
			return value.NullValue
		}
		return value.OfInt(int64(utf8.RuneCountInString(args[0].Text())))
	}),
	ofString("lower", func(s string) string { return cases.Lower(language.Und).String(s) }),
	ofString("upper", func(s string) string { return cases.Upper(language.Und).String(s) }),
	trimming("trim", strings.TrimSpace),
	trimming("ltrim", func(s string) string { return strings.TrimLeftFunc(s, unicode.IsSpace) }),
	trimming("rtrim", func(s string) string { return strings.TrimRightFunc(s, unicode.IsSpace) }),
	lenient("concat", 2, Many, Concat),
	{Name: "contains", Least: 2, Most: 2, Boolean: true, Collatable: true, call: contains},
}

// ofString returns a function of one string.
func ofString(name string, call func(string) string) *Function {
	return strict(name, 1, 1, func(args []value.Value) value.Value {
		if args[0].Kind() != value.String {
			return value.NullValue
		}
		return value.OfString(call(args[0].Text()))
	})
}

// trimming returns a function of one string that returns other values unchanged.
func trimming(name string, call func(string) string) *Function {
	return passing(strict(name, 1, 1, func(args []value.Value) value.Value {
		if args[0].Kind() != value.String {
			return args[0]
		}
		return value.OfString(call(args[0].Text()))
	}))
}

// Concat joins the texts of values, as `||` does. If a value is MISSING, so is the result.
func Concat(args []value.Value) value.Value {
	var b strings.Builder
	for _, a := range args {
		if a.IsMissing() {
			return a
		}
		b.WriteString(a.Display())
	}
	return value.OfString(b.String())
}

// contains searches a string in another, always by the rules of Unicode. No string contains the
// empty string.
func contains(env Env, args []value.Value) (value.Value, error) {
	if v, absent := firstAbsent(args); absent {
		return v, nil
	}
	if args[0].Kind() != value.String || args[1].Kind() != value.String {
		return value.OfBool(false), nil
	}
	fold := norm.NFC.String
	if env.Collation.Unicode {
		fold = env.Collation.Fold
	}
	part := fold(args[1].Text())
	return value.OfBool(part != "" && strings.Contains(fold(args[0].Text()), part)), nil
}
