package document

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// stringEnd returns the index after the string that begins at b[i], whether the string has escapes,
// and what is wrong with it, or "".
func stringEnd(b []byte, i int) (end int, escaped bool, wrong string) {
	for i++; ; {
		i = skipPlain(b, i)
		if i >= len(b) {
			return i, escaped, "the string does not end"
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1, escaped, ""
		case c == '\\':
			n := escapeLen(b[i:])
			if n == 0 {
				return i, true, "the string has an invalid escape"
			}
			escaped = true
			i += n
		case c < ' ':
			return i, escaped, "the string has a control character"
		case c < utf8.RuneSelf:
			i++
		default:
			r, n := utf8.DecodeRune(b[i:])
			if r == utf8.RuneError && n == 1 {
				return i, escaped, "the text is not valid UTF-8"
			}
			i += n
		}
	}
}

// skipPlain skips ASCII without quotes, escapes and control characters. It reads eight bytes at a
// time, so that long strings cost little.
func skipPlain(b []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for i+8 <= len(b) {
		w := binary.LittleEndian.Uint64(b[i:])
		quote, slash := w^(ones*'"'), w^(ones*'\\')
		special := (w | (w - ones*' ') | (quote - ones) | (slash - ones)) & highs
		if special != 0 {
			return i + bits.TrailingZeros64(special)/8
		}
		i += 8
	}
	return i
}

// escapeLen returns the length of the escape that b begins with, 0 if it is invalid.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(b); ok {
			return 6
		}
	}
	return 0
}

// hex4 parses the code unit of an escape \uXXXX.
func hex4(b []byte) (rune, bool) {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// numberEnd returns the index after the number that begins at b[i], and what is wrong with it, or
// "".
func numberEnd(b []byte, i int) (end int, wrong string) {
	start := i
	if b[i] == '-' {
		i++
	}
	digits := skipDigits(b, i)
	if digits == i || b[i] == '0' && digits > i+1 {
		return i, "it is no JSON value"
	}
	long := digits-i > 300 // more may be beyond the range of a double
	i = digits
	if i < len(b) && b[i] == '.' {
		if digits = skipDigits(b, i+1); digits == i+1 {
			return i, "the number has no digits after the point"
		}
		i = digits
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		if digits = skipDigits(b, i); digits == i {
			return i, "the number has no digits in its exponent"
		}
		i, long = digits, true
	}
	if long {
		if _, err := strconv.ParseFloat(string(b[start:i]), 64); err != nil {
			return start, outOfRange
		}
	}
	return i, ""
}

func skipDigits(b []byte, i int) int {
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

// appendUnquoted appends the characters of a valid string without its quotes. It encodes half a
// surrogate pair in the three bytes that UTF-8 would give it, so that different strings stay
// different.
func appendUnquoted(dst, inner []byte) []byte {
	for len(inner) > 0 {
		if inner[0] != '\\' {
			dst = append(dst, inner[0])
			inner = inner[1:]
			continue
		}
		n := escapeLen(inner)
		if n == 6 {
			var r rune
			r, n = escapedRune(inner)
			dst = appendRune(dst, r)
		} else {
			dst = append(dst, unescaped(inner[1]))
		}
		inner = inner[n:]
	}
	return dst
}

func escapedRune(b []byte) (r rune, size int) {
	r, _ = hex4(b)
	if low, ok := hex4(b[6:]); ok && utf16.IsSurrogate(r) {
		if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
			return pair, 12
		}
	}
	return r, 6
}

func appendRune(dst []byte, r rune) []byte {
	if utf16.IsSurrogate(r) {
		return append(dst, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
	}
	return utf8.AppendRune(dst, r)
}

func unescaped(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// AppendQuoted appends text as a JSON string with the fewest escapes. Text is UTF-8; surrogate
// halves from [Value.Text] become the escapes that they came from.
func AppendQuoted(dst, text []byte) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(text); i++ {
		c := text[i]
		short := shortEscape(c)
		switch {
		case short != 0:
			dst = append(dst, '\\', short)
		case c < ' ':
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		case c == 0xed && i+2 < len(text) && text[i+1] >= 0xa0:
			r := rune(0xd000) | rune(text[i+1]&0x3f)<<6 | rune(text[i+2]&0x3f)
			dst = append(dst, '\\', 'u', 'd', digits[r>>8&15], digits[r>>4&15], digits[r&15])
			i += 2
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

func shortEscape(c byte) byte {
	switch c {
	case '"', '\\':
		return c
	case '\b':
		return 'b'
	case '\f':
		return 'f'
	case '\n':
		return 'n'
	case '\r':
		return 'r'
	case '\t':
		return 't'
	}
	return 0
}
