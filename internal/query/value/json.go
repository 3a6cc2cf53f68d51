package value

import (
	"bytes"
	"iter"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// FromJSON returns the value of a valid JSON text. The text may be reused afterwards.
func FromJSON(text []byte) Value {
	d := decoder{text: text}
	return d.value()
}

// AppendJSON appends v as JSON. MISSING becomes null, because JSON has no word for it, and an
// infinity becomes the largest double.
func (v Value) AppendJSON(dst []byte) []byte {
	switch v.kind {
	case Bool:
		return strconv.AppendBool(dst, v.bits != 0)
	case Int:
		return strconv.AppendInt(dst, int64(v.bits), 10)
	case Uint:
		return strconv.AppendUint(dst, v.bits, 10)
	case Double:
		return appendDouble(dst, v.Float())
	case String:
		return appendQuoted(dst, v.text)
	case Array, Object:
		return append(dst, v.text...)
	case Missing, Null:
	}
	return append(dst, "null"...)
}

// OfItems returns an array. It leaves out MISSING items.
func OfItems(items ...Value) Value {
	text := []byte{'['}
	for _, item := range items {
		if item.kind == Missing {
			continue
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = item.AppendJSON(text)
	}
	return Value{kind: Array, text: string(append(text, ']'))}
}

// Member is one member of an object.
type Member struct {
	Key   string
	Value Value
}

// OfMembers returns an object. It leaves out MISSING members. Of equal keys the last one counts.
func OfMembers(members ...Member) Value {
	sorted := slices.Clone(members)
	slices.SortStableFunc(sorted, func(a, b Member) int { return strings.Compare(a.Key, b.Key) })
	text := []byte{'{'}
	for i, m := range sorted {
		if m.Value.kind == Missing || i+1 < len(sorted) && sorted[i+1].Key == m.Key {
			continue
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		text = append(appendQuoted(text, m.Key), ':')
		text = m.Value.AppendJSON(text)
	}
	return Value{kind: Object, text: string(append(text, '}'))}
}

// Items returns the values that ANY, EVERY and UNNEST iterate over: the items of an array, the
// values of an object, nothing for MISSING, and for another value the value itself.
func (v Value) Items() iter.Seq[Value] {
	return func(yield func(Value) bool) {
		switch v.kind {
		case Missing:
		case Array:
			eachItem(v.bytes(), func(text []byte) bool { return yield(FromJSON(text)) })
		case Object:
			eachMember(v.bytes(), func(_, text []byte) bool { return yield(FromJSON(text)) })
		default:
			yield(v)
		}
	}
}

// AppendItems appends the parts of a valid JSON text that have the values of [Value.Items]. They share its bytes.
func AppendItems(items [][]byte, text []byte) [][]byte {
	switch text[0] {
	case '[':
		eachItem(text, func(item []byte) bool { items = append(items, item); return true })
	case '{':
		eachMember(text, func(_, item []byte) bool { items = append(items, item); return true })
	default:
		items = append(items, text)
	}
	return items
}

// Members returns the members of an object. Other kinds have none.
func (v Value) Members() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if v.kind == Object {
			eachMember(v.bytes(), func(key, text []byte) bool { return yield(unquote(key), FromJSON(text)) })
		}
	}
}

// decoder reads one value of a valid text.
type decoder struct {
	text []byte
	pos  int
}

func (d *decoder) value() Value {
	d.pos = skipSpace(d.text, d.pos)
	start := d.pos
	switch d.text[start] {
	case '{':
		return d.object()
	case '[':
		return d.array()
	case '"':
		d.pos = quoteEnd(d.text, start)
		return OfString(unquote(d.text[start:d.pos]))
	}
	d.pos = scalarEnd(d.text, start)
	switch d.text[start] {
	case 't':
		return OfBool(true)
	case 'f':
		return OfBool(false)
	case 'n':
		return NullValue
	}
	return parseNumber(string(d.text[start:d.pos]))
}

func (d *decoder) array() Value {
	dst := []byte{'['}
	for d.pos = skipSpace(d.text, d.pos+1); d.text[d.pos] != ']'; d.comma(']') {
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = d.value().AppendJSON(dst)
	}
	d.pos++
	return Value{kind: Array, text: string(append(dst, ']'))}
}

func (d *decoder) object() Value {
	var members []Member
	for d.pos = skipSpace(d.text, d.pos+1); d.text[d.pos] != '}'; d.comma('}') {
		end := quoteEnd(d.text, d.pos)
		key := unquote(d.text[d.pos:end])
		d.pos = skipSpace(d.text, end) + 1 // the colon
		members = append(members, Member{key, d.value()})
	}
	d.pos++
	return OfMembers(members...)
}

// comma skips the comma between two parts, and stops at the closing byte.
func (d *decoder) comma(closing byte) {
	d.pos = skipSpace(d.text, d.pos)
	if d.text[d.pos] != closing {
		d.pos = skipSpace(d.text, d.pos+1)
	}
}

func parseNumber(text string) Value {
	if strings.ContainsAny(text, ".eE") {
		f, _ := strconv.ParseFloat(text, 64) // beyond the range: an infinity
		return OfDouble(f)
	}
	if i, err := strconv.ParseInt(text, 10, 64); err == nil {
		return OfInt(i)
	}
	if u, err := strconv.ParseUint(text, 10, 64); err == nil {
		return OfUint(u)
	}
	f, _ := strconv.ParseFloat(text, 64)
	return OfDouble(f)
}

const hexDigits = "0123456789abcdef"

func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRuneInString(s[i:])
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		}
		i++
		switch {
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c == '\t':
			dst = append(dst, '\\', 't')
		case c == '\r':
			dst = append(dst, '\\', 'r')
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// unquote returns the characters of a JSON string. A lone surrogate becomes U+FFFD.
func unquote(quoted []byte) string {
	inner := quoted[1 : len(quoted)-1]
	escape := bytes.IndexByte(inner, '\\')
	if escape < 0 {
		return string(inner)
	}
	dst := append(make([]byte, 0, len(inner)), inner[:escape]...)
	for i := escape; i < len(inner); i++ {
		if inner[i] != '\\' {
			dst = append(dst, inner[i])
			continue
		}
		i++
		switch c := inner[i]; c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			r := hex4(inner[i+1:])
			i += 4
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if i+6 < len(inner) && inner[i+1] == '\\' && inner[i+2] == 'u' {
					low = hex4(inner[i+3:])
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
	return string(dst)
}

func hex4(b []byte) rune {
	n, _ := strconv.ParseUint(string(b[:4]), 16, 32) // valid text
	return rune(n)
}
