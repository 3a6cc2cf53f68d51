package function

import (
	"math"
	"slices"

	"github.com/tandemdb/tandem/internal/query/value"
)

var arrays = []*Function{
	lenient("array_length", 1, 1, func(args []value.Value) value.Value {
		return value.OfInt(int64(len(items(args[0]))))
	}),
	lenient("array_count", 1, 1, func(args []value.Value) value.Value { return Count(args[0]) }),
	lenient("array_sum", 1, 1, func(args []value.Value) value.Value { return value.OfDouble(sum(args[0])) }),
	lenient("array_avg", 1, 1, func(args []value.Value) value.Value {
		n := len(items(args[0]))
		return value.OfDouble(sum(args[0]) / float64(max(n, 1)))
	}),
	lenient("array_min", 1, 1, func(args []value.Value) value.Value {
		least := math.Inf(1)
		for _, item := range items(args[0]) {
			f, _ := number(item)
			least = min(least, f)
		}
		return finite(least)
	}),
	lenient("array_max", 1, 1, func(args []value.Value) value.Value {
		greatest, some := math.Inf(-1), false
		for _, item := range items(args[0]) {
			f, ok := number(item)
			greatest, some = max(greatest, f), some || ok
		}
		if !some {
			return value.NullValue
		}
		return finite(greatest)
	}),
	passing(lenient("array_ifnull", 1, 1, func(args []value.Value) value.Value {
		return first(items(args[0]), value.NullValue, func(v value.Value) bool { return v.Kind() != value.Null })
	})),
	predicate(strict("array_contains", 2, 2, func(args []value.Value) value.Value {
		if args[0].Kind() != value.Array {
			return value.NullValue
		}
		if args[1].IsComposite() {
			return value.OfBool(false)
		}
		return value.OfBool(holds(args[0], args[1]))
	})),
	lenient("array_of", 0, Many, func(args []value.Value) value.Value { return value.OfItems(args...) }),
}

// items returns the items of an array. Other values have none.
func items(v value.Value) []value.Value {
	if v.Kind() != value.Array {
		return nil
	}
	return slices.Collect(v.Items())
}

func sum(v value.Value) float64 {
	total := 0.0
	for _, item := range items(v) {
		f, _ := number(item)
		total += f
	}
	return total
}

// Count returns the number of items of an array that are not NULL, or the number of members of an
// object. For other values it returns MISSING.
func Count(v value.Value) value.Value {
	if !v.IsComposite() {
		return value.Value{}
	}
	n := int64(0)
	for item := range v.Items() {
		if v.Kind() == value.Object || item.Kind() != value.Null {
			n++
		}
	}
	return value.OfInt(n)
}

func holds(array, v value.Value) bool {
	for item := range array.Items() {
		if value.Compare(item, v) == 0 {
			return true
		}
	}
	return false
}

// Any evaluates ANY item IN array SATISFIES item = v END. Unlike array_contains() it also searches
// the values of an object, and is false if array or v is MISSING.
func Any(array, v value.Value) value.Value {
	switch {
	case array.IsMissing() || v.IsMissing():
		return value.OfInt(0)
	case array.Kind() == value.Object && holds(array, v):
		return value.OfInt(1)
	case array.Kind() == value.Object || array.Kind() == value.Array && v.IsComposite():
		return value.OfInt(0)
	case array.Kind() != value.Array || v.Kind() == value.Null:
		return value.NullValue
	case holds(array, v):
		return value.OfInt(1)
	}
	return value.OfInt(0)
}

// In evaluates `v IN array`: whether the array has an item that equals v. It is NULL if array is
// not an array.
func In(v, array value.Value) value.Value {
	switch {
	case v.IsMissing() || array.IsMissing():
		return value.Value{}
	case array.Kind() != value.Array:
		return value.NullValue
	case holds(array, v):
		return value.OfInt(1)
	}
	return value.OfInt(0)
}
