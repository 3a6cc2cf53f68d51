package function

import (
	"math"

	"github.com/tandemdb/tandem/internal/query/value"
)

var numbers = []*Function{
	ofDouble("abs", math.Abs), ofDouble("ceil", math.Ceil), ofDouble("floor", math.Floor),
	ofDouble("sqrt", math.Sqrt), ofDouble("exp", math.Exp), ofDouble("ln", math.Log), ofDouble("log", math.Log10),
	ofDouble("sin", math.Sin), ofDouble("cos", math.Cos), ofDouble("tan", math.Tan),
	ofDouble("asin", math.Asin), ofDouble("acos", math.Acos), ofDouble("atan", math.Atan),
	ofDouble("degrees", func(f float64) float64 { return f * 180 / math.Pi }),
	ofDouble("radians", func(f float64) float64 { return f * math.Pi / 180 }),
	rounding("round", math.Round), rounding("round_even", math.RoundToEven), rounding("trunc", math.Trunc),
	ofDoubles("div", func(a, b float64) value.Value { return finite(a / b) }),
	ofDoubles("idiv", func(a, b float64) value.Value {
		if math.Trunc(b) == 0 {
			return value.NullValue
		}
		return value.OfInt(value.Truncated(math.Trunc(a) / math.Trunc(b)))
	}),
	anyDoubles("power", func(a, b float64) value.Value { return finite(math.Pow(a, b)) }),
	anyDoubles("atan2", func(y, x float64) value.Value { return finite(math.Atan2(y, x)) }),
	strict("sign", 1, 1, func(args []value.Value) value.Value {
		f, ok := number(args[0])
		switch {
		case !ok:
			return value.NullValue
		case f > 0:
			return value.OfInt(1)
		case f < 0:
			return value.OfInt(-1)
		}
		return value.OfInt(0)
	}),
	lenient("pi", 0, 0, func([]value.Value) value.Value { return value.OfDouble(math.Pi) }),
	lenient("e", 0, 0, func([]value.Value) value.Value { return value.OfDouble(math.E) }),
	passing(lenient("greatest", 2, Many, func(args []value.Value) value.Value { return extreme(args, 1) })),
	passing(lenient("least", 2, Many, func(args []value.Value) value.Value { return extreme(args, -1) })),
}

// number returns a number or boolean as a double.
func number(v value.Value) (f float64, ok bool) {
	if v.IsNumber() || v.Kind() == value.Bool {
		return v.Float(), true
	}
	return 0, false
}

func finite(f float64) value.Value {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return value.NullValue
	}
	return value.OfDouble(f)
}

func ofDouble(name string, call func(float64) float64) *Function {
	return strict(name, 1, 1, func(args []value.Value) value.Value {
		f, ok := number(args[0])
		if !ok {
			return value.NullValue
		}
		return finite(call(f))
	})
}

func ofDoubles(name string, call func(a, b float64) value.Value) *Function {
	return strict(name, 2, 2, func(args []value.Value) value.Value { return doubles(args, call) })
}

// anyDoubles returns a function that gives NULL for MISSING arguments, too.
func anyDoubles(name string, call func(a, b float64) value.Value) *Function {
	return lenient(name, 2, 2, func(args []value.Value) value.Value { return doubles(args, call) })
}

func doubles(args []value.Value, call func(a, b float64) value.Value) value.Value {
	a, ok := number(args[0])
	b, ok2 := number(args[1])
	if !ok || !ok2 {
		return value.NullValue
	}
	return call(a, b)
}

// rounding returns a function that rounds to a number of digits; negative numbers count before the
// point.
func rounding(name string, round func(float64) float64) *Function {
	return strict(name, 1, 2, func(args []value.Value) value.Value {
		f, ok := number(args[0])
		if !ok {
			return value.NullValue
		}
		if len(args) == 1 {
			return finite(round(f))
		}
		digits, ok := number(args[1])
		if !ok {
			return value.NullValue
		}
		scale := math.Pow(10, math.Trunc(digits))
		scaled := f * scale
		if math.IsInf(scaled, 0) || scale == 0 {
			return finite(f)
		}
		return finite(round(scaled) / scale)
	})
}

// extreme returns the greatest value if sign is 1, the least if it is -1. Of equal values it
// returns the last.
func extreme(args []value.Value, sign int) value.Value {
	best := args[0]
	for _, a := range args {
		if a.IsMissing() {
			return a
		}
		if value.Compare(a, best)*sign >= 0 {
			best = a
		}
	}
	return best
}
