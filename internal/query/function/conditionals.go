package function

import "github.com/tandemdb/tandem/internal/query/value"

var conditionals = []*Function{
	passing(lenient("ifmissing", 2, Many, func(args []value.Value) value.Value {
		return first(args, value.Value{}, func(v value.Value) bool { return !v.IsMissing() })
	})),
	passing(lenient("ifnull", 2, Many, func(args []value.Value) value.Value {
		return first(args, value.NullValue, func(v value.Value) bool { return v.Kind() != value.Null })
	})),
	passing(lenient("ifmissingornull", 2, Many, func(args []value.Value) value.Value {
		return first(args, value.NullValue, func(v value.Value) bool { return !v.IsMissing() && v.Kind() != value.Null })
	})),
	passing(strict("nullif", 2, 2, func(args []value.Value) value.Value {
		if value.Compare(args[0], args[1]) == 0 {
			return value.NullValue
		}
		return args[0]
	})),
	passing(strict("missingif", 2, 2, func(args []value.Value) value.Value {
		if value.Compare(args[0], args[1]) == 0 {
			return value.Value{}
		}
		return args[0]
	})),
}

func first(args []value.Value, otherwise value.Value, fits func(value.Value) bool) value.Value {
	for _, a := range args {
		if fits(a) {
			return a
		}
	}
	return otherwise
}
