package value

import (
	"math"
	"math/bits"
	"strconv"
	"strings"
)

// Truth returns v as a condition; known is false for MISSING. A number is true if it is not 0, a
// string if its leading number is not 0. NULL, arrays and objects are false.
func Truth(v Value) (truth, known bool) {
	if v.kind == Missing {
		return false, false
	}
	n := numeric(v)
	return n.Float() != 0, true
}

// numeric returns v as arithmetic operators see it: an integer or a double. v must not be MISSING.
func numeric(v Value) Value {
	switch v.kind {
	case Int, Double:
		return v
	case Bool, Uint:
		return v.Untagged()
	case String:
		return LeadingNumber(v.text)
	case Missing, Null, Array, Object:
	}
	return OfInt(0)
}

// LeadingNumber returns the number at the beginning of s, after white space, or 0. It is an integer
// if it has no fraction or exponent and fits, otherwise a double.
func LeadingNumber(s string) Value {
	i := 0
	for i < len(s) && (s[i] == ' ' || s[i] >= '\t' && s[i] <= '\r') {
		i++
	}
	number, whole := numberAt(s[i:])
	if whole {
		if n, err := strconv.ParseInt(number, 10, 64); err == nil {
			return OfInt(n)
		}
	}
	if number == "" {
		return OfInt(0)
	}
	f, _ := strconv.ParseFloat(number, 64) // beyond the range: an infinity
	return OfDouble(f)
}

// numberAt returns the number at the beginning of s, or "".
func numberAt(s string) (number string, whole bool) {
	i := 0
	if i < len(s) && (s[i] == '-' || s[i] == '+') {
		i++
	}
	start := i
	i = digitsEnd(s, i)
	digits, whole := i-start, true
	if i < len(s) && s[i] == '.' {
		end := digitsEnd(s, i+1)
		digits += end - i - 1
		i, whole = end, false
	}
	if digits == 0 {
		return "", false
	}
	if i < len(s) && (s[i] == 'e' || s[i] == 'E') {
		j := i + 1
		if j < len(s) && (s[j] == '-' || s[j] == '+') {
			j++
		}
		if end := digitsEnd(s, j); end > j {
			i, whole = end, false
		}
	}
	return s[:i], whole
}

func digitsEnd(s string, i int) int {
	for i < len(s) && s[i] >= '0' && s[i] <= '9' {
		i++
	}
	return i
}

// Add adds. If integers overflow, the result is a double. If an operand is MISSING, so is the
// result. NULL, arrays and objects count as 0, strings as their leading number.
func Add(a, b Value) Value {
	return arithmetic(a, b, func(x, y int64) (int64, bool) {
		sum := x + y
		return sum, (x >= 0) == (y >= 0) && (sum >= 0) != (x >= 0)
	}, func(x, y float64) float64 { return x + y })
}

// Sub subtracts: see [Add].
func Sub(a, b Value) Value {
	return arithmetic(a, b, func(x, y int64) (int64, bool) {
		d := x - y
		return d, (x >= 0) != (y >= 0) && (d >= 0) != (x >= 0)
	}, func(x, y float64) float64 { return x - y })
}

// Mul multiplies: see [Add].
func Mul(a, b Value) Value {
	return arithmetic(a, b, multiply, func(x, y float64) float64 { return x * y })
}

func multiply(x, y int64) (int64, bool) {
	high, low := bits.Mul64(magnitude(x), magnitude(y))
	limit := uint64(math.MaxInt64)
	negative := (x < 0) != (y < 0)
	if negative {
		limit++
	}
	if high != 0 || low > limit {
		return 0, true
	}
	if negative {
		return int64(-low), false
	}
	return int64(low), false
}

func magnitude(x int64) uint64 {
	if x < 0 {
		return -uint64(x)
	}
	return uint64(x)
}

// Div divides. Integers are truncated towards 0. Division by 0 is MISSING.
func Div(a, b Value) Value {
	if a.kind == Missing || b.kind == Missing || numeric(b).Float() == 0 {
		return Value{}
	}
	return arithmetic(a, b, func(x, y int64) (int64, bool) {
		if x == math.MinInt64 && y == -1 {
			return 0, true
		}
		return x / y, false
	}, func(x, y float64) float64 { return x / y })
}

// Mod returns the remainder after truncating both operands to integers, with the sign of a. It is a
// double if an operand is.
func Mod(a, b Value) Value {
	if a.kind == Missing || b.kind == Missing {
		return Value{}
	}
	x, y := numeric(a), numeric(b)
	i, j := whole(x), whole(y)
	if j == 0 {
		return Value{}
	}
	if j == -1 {
		j = 1 // the same remainder, and no overflow
	}
	if x.kind == Double || y.kind == Double {
		return OfDouble(float64(i % j))
	}
	return OfInt(i % j)
}

func whole(v Value) int64 {
	if v.kind == Int {
		return v.Int()
	}
	return Truncated(v.Float())
}

// Truncated returns f without its fraction. Beyond the range it returns the nearest int64.
func Truncated(f float64) int64 {
	switch {
	case f >= 1<<63:
		return math.MaxInt64
	case f <= -1<<63:
		return math.MinInt64
	}
	return int64(f)
}

// Neg returns 0 - v.
func Neg(v Value) Value { return Sub(OfInt(0), v) }

func arithmetic(a, b Value, ints func(x, y int64) (int64, bool), doubles func(x, y float64) float64) Value {
	if a.kind == Missing || b.kind == Missing {
		return Value{}
	}
	x, y := numeric(a), numeric(b)
	if x.kind == Int && y.kind == Int {
		if i, over := ints(x.Int(), y.Int()); !over {
			return OfInt(i)
		}
	}
	return OfDouble(doubles(x.Float(), y.Float()))
}

// Addend returns the number that a value counts as in a sum: strings of digits count as integers; other strings, NULL,
// arrays and objects as doubles.
func Addend(v Value) Value {
	switch v.kind {
	case String:
		if i, err := strconv.ParseInt(strings.Trim(v.text, " \t\n\v\f\r"), 10, 64); err == nil {
			return OfInt(i)
		}
		return OfDouble(LeadingNumber(v.text).Float())
	case Null, Array, Object:
		return OfDouble(0)
	}
	return v.Untagged()
}
