package value

import (
	"bytes"
	"math"
	"strconv"
)

// Kind is the type of a value.
type Kind uint8

// The kinds. Uint is an integer above int64. It is stored exactly, and counts as a double in every
// operation.
const (
	Missing Kind = iota
	Null
	Bool
	Int
	Double
	Uint
	String
	Array
	Object
)

// Value is one value of a query. Its zero value is MISSING.
type Value struct {
	kind Kind
	bits uint64 // the value of a boolean or number
	text string // the characters of a string; the canonical JSON of an array or object
}

// NullValue is NULL.
var NullValue = Value{kind: Null}

// OfBool returns a boolean.
func OfBool(b bool) Value {
	if b {
		return Value{kind: Bool, bits: 1}
	}
	return Value{kind: Bool}
}

// OfInt returns an integer.
func OfInt(i int64) Value { return Value{kind: Int, bits: uint64(i)} }

// OfUint returns an integer. Its kind is [Uint] if it is above int64.
func OfUint(u uint64) Value {
	if u <= math.MaxInt64 {
		return OfInt(int64(u))
	}
	return Value{kind: Uint, bits: u}
}

// OfDouble returns a double. NaN is MISSING.
func OfDouble(f float64) Value {
	if math.IsNaN(f) {
		return Value{}
	}
	return Value{kind: Double, bits: math.Float64bits(f)}
}

// OfString returns a string.
func OfString(s string) Value { return Value{kind: String, text: s} }

// OfCanonical returns the array or object with the given canonical text, as [Value.Text] returns
// it.
func OfCanonical(json string) Value {
	if json[0] == '[' {
		return Value{kind: Array, text: json}
	}
	return Value{kind: Object, text: json}
}

// Kind returns v's kind.
func (v Value) Kind() Kind { return v.kind }

// IsMissing reports whether v is MISSING.
func (v Value) IsMissing() bool { return v.kind == Missing }

// IsNumber reports whether v is a number. A boolean is not.
func (v Value) IsNumber() bool { return v.kind == Int || v.kind == Double || v.kind == Uint }

// IsComposite reports whether v is an array or an object.
func (v Value) IsComposite() bool { return v.kind == Array || v.kind == Object }

// Bool returns a boolean's value.
func (v Value) Bool() bool { return v.bits != 0 }

// Int returns an integer's value, or a boolean's as 1 or 0.
func (v Value) Int() int64 { return int64(v.bits) }

// Uint returns the value of a Uint.
func (v Value) Uint() uint64 { return v.bits }

// Float returns the value of any number or boolean as a double.
func (v Value) Float() float64 {
	switch v.kind {
	case Double:
		return math.Float64frombits(v.bits)
	case Uint:
		return float64(v.bits)
	}
	return float64(int64(v.bits))
}

// Text returns the characters of a string, or the canonical JSON of an array or object: keys in the
// order of their bytes, and each number and string in its canonical form.
func (v Value) Text() string { return v.text }

// Untagged returns a boolean as the integer 1 or 0, a Uint as a double, and other values unchanged,
// as operators see them.
func (v Value) Untagged() Value {
	switch v.kind {
	case Bool:
		return OfInt(int64(v.bits))
	case Uint:
		return OfDouble(float64(v.bits))
	}
	return v
}

// Display returns v as `||` and concat() write it. MISSING gives "".
func (v Value) Display() string {
	if v.kind == String {
		return v.text
	}
	return string(v.AppendJSON(nil))
}

// FormatDouble writes a double so that it parses as a double again: 3 is "3.0".
func FormatDouble(f float64) string { return string(appendDouble(nil, f)) }

func appendDouble(dst []byte, f float64) []byte {
	if math.IsInf(f, 0) {
		return append(dst, strconv.FormatFloat(math.Copysign(math.MaxFloat64, f), 'g', -1, 64)...)
	}
	size := math.Abs(f)
	if f != 0 && (size < 1e-4 || size >= 1e17) {
		return strconv.AppendFloat(dst, f, 'e', -1, 64)
	}
	open := len(dst)
	dst = strconv.AppendFloat(dst, f, 'f', -1, 64)
	if bytes.IndexByte(dst[open:], '.') >= 0 {
		return dst
	}
	return append(dst, ".0"...)
}
