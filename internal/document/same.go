package document

import (
	"bytes"
	"math"
	"strconv"
)

// SameValue reports whether a and b are equal by value. The order of keys, the escapes in strings
// and the notation of numbers do not matter. Two nil values are equal.
func SameValue(a, b Value) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if a.Kind() != b.Kind() {
		return false
	}
	switch a.Kind() {
	case Number:
		return sameNumber(string(a), string(b))
	case String:
		return bytes.Equal(a.Text(), b.Text())
	case Array:
		return sameItems(a, b)
	case Object:
		return sameMembers(a, b)
	default:
		return false
	}
}

func sameItems(a, b Value) bool {
	as, bs := a.Cursor(), b.Cursor()
	for {
		x, y := as.Next(), bs.Next()
		switch {
		case x == nil || y == nil:
			return x == nil && y == nil
		case !SameValue(x, y):
			return false
		}
	}
}

func sameMembers(a, b Value) bool {
	others := b.Index()
	n := 0
	for key, value := range a.Members() {
		other := others[string(key.Text())]
		if other == nil || !SameValue(value, other) {
			return false
		}
		n++
	}
	return n == len(others)
}

// sameNumber compares integers of 64 bits exactly, and other numbers as doubles. A double equals an
// integer only within ±2^53.
func sameNumber(a, b string) bool {
	x, xOK := integer(a)
	y, yOK := integer(b)
	if xOK && yOK {
		return x == y
	}
	f, _ := strconv.ParseFloat(a, 64)
	g, _ := strconv.ParseFloat(b, 64)
	return f == g && (xOK == yOK || math.Abs(f) < 1<<53)
}

// integer returns the sign and the 64 bits of an integer between −2^63 and 2^64−1.
func integer(text string) (n struct {
	negative bool
	bits     uint64
}, ok bool,
) {
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		n.negative, n.bits = i < 0, uint64(i)
		return n, true
	}
	u, err := strconv.ParseUint(text, 10, 64)
	n.bits = u
	return n, err == nil
}
