package function

import (
	"slices"
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/internal/query/value"
)

var types = []*Function{
	isKind("isarray", value.Array), isKind("isboolean", value.Bool), isKind("isobject", value.Object),
	isKind("isstring", value.String), isKind("isnumber", value.Int, value.Double, value.Uint),
	isKind("isatom", value.Bool, value.Int, value.Double, value.Uint, value.String),
	strict("type", 1, 1, func(args []value.Value) value.Value {
		switch args[0].Kind() {
		case value.Array:
			return value.OfString("array")
		case value.Bool:
			return value.OfString("boolean")
		case value.Object:
			return value.OfString("object")
		case value.String:
			return value.OfString("string")
		}
		return value.OfString("number")
	}),
	strict("toarray", 1, 1, func(args []value.Value) value.Value {
		if args[0].Kind() == value.Array {
			return args[0]
		}
		return value.OfItems(args[0])
	}),
	strict("toobject", 1, 1, func(args []value.Value) value.Value {
		if args[0].Kind() == value.Object {
			return args[0]
		}
		return value.OfMembers()
	}),
	passing(strict("toatom", 1, 1, func(args []value.Value) value.Value { return toAtom(args[0]) })),
	predicate(strict("toboolean", 1, 1, func(args []value.Value) value.Value {
		switch v := args[0]; v.Kind() {
		case value.String:
			return value.OfBool(v.Text() != "")
		case value.Array, value.Object:
			return value.OfBool(len(v.Text()) > len("[]"))
		default:
			return value.OfBool(v.Float() != 0)
		}
	})),
	strict("tonumber", 1, 1, func(args []value.Value) value.Value {
		switch v := args[0]; v.Kind() {
		case value.String:
			return parsedNumber(strings.TrimSpace(v.Text()))
		case value.Array, value.Object:
			return value.NullValue
		default:
			return v.Untagged()
		}
	}),
	strict("tostring", 1, 1, func(args []value.Value) value.Value {
		if args[0].IsComposite() {
			return value.NullValue
		}
		return value.OfString(args[0].Display())
	}),
}

func isKind(name string, kinds ...value.Kind) *Function {
	return predicate(strict(name, 1, 1, func(args []value.Value) value.Value {
		return value.OfBool(slices.Contains(kinds, args[0].Kind()))
	}))
}

// toAtom returns the only item of an array or member of an object, at any depth.
func toAtom(v value.Value) value.Value {
	for v.IsComposite() {
		n := 0
		only := value.NullValue
		for item := range v.Items() {
			only = item
			n++
		}
		if n != 1 {
			return value.NullValue
		}
		v = only
	}
	return v
}

// parsedNumber parses s as a number, or returns NULL.
func parsedNumber(s string) value.Value {
	if i, err := strconv.ParseInt(s, 10, 64); err == nil {
		return value.OfInt(i)
	}
	if strings.IndexFunc(s, func(r rune) bool { return !strings.ContainsRune("+-.0123456789eE", r) }) >= 0 {
		return value.NullValue // words that Go parses as numbers
	}
	f, err := strconv.ParseFloat(s, 64)
	if err != nil {
		return value.NullValue
	}
	return value.OfDouble(f)
}
