package value

import (
	"cmp"
	"math"
	"strings"
)

// Compare compares values in the order of ORDER BY: MISSING, then numbers and booleans by value,
// strings by their bytes, NULL, then arrays and objects by their canonical text.
func Compare(a, b Value) int { return CompareWith(a, b, strings.Compare) }

// CompareWith is [Compare] with another order of strings.
func CompareWith(a, b Value, order func(a, b string) int) int {
	if c := cmp.Compare(rank(a), rank(b)); c != 0 {
		return c
	}
	switch rank(a) {
	case rankNumber:
		return compareNumbers(a.Untagged(), b.Untagged())
	case rankString:
		return order(a.text, b.text)
	}
	return strings.Compare(a.text, b.text)
}

// The ranks of the kinds in the order of values.
const (
	rankMissing = iota
	rankNumber
	rankString
	rankNull
	rankComposite
)

func rank(v Value) int {
	switch v.kind {
	case Missing:
		return rankMissing
	case String:
		return rankString
	case Null:
		return rankNull
	case Array, Object:
		return rankComposite
	}
	return rankNumber
}

func compareNumbers(a, b Value) int {
	switch {
	case a.kind == Int && b.kind == Int:
		return cmp.Compare(a.Int(), b.Int())
	case a.kind == Int:
		return -compareToInt(b.Float(), a.Int())
	case b.kind == Int:
		return compareToInt(a.Float(), b.Int())
	}
	return cmp.Compare(a.Float(), b.Float())
}

// compareToInt compares exactly; converting i to a double might round it.
func compareToInt(f float64, i int64) int {
	switch {
	case f >= 1<<63:
		return 1
	case f < -1<<63:
		return -1
	}
	if c := cmp.Compare(int64(f), i); c != 0 {
		return c
	}
	_, fraction := math.Modf(f)
	return cmp.Compare(fraction, 0)
}
