package main

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// json5Escapes are the escapes of one letter.
var json5Escapes = map[byte]string{'b': "\b", 'f': "\f", 'n': "\n", 'r': "\r", 't': "\t", 'v': "\v", '0': "\x00"}

// string reads a text in single or double quotes.
func (r *json5Reader) string() string {
	quote := r.text[r.at]
	r.at++
	var text strings.Builder
	for r.err == nil {
		if r.at >= len(r.text) {
			r.fail("the text has no end")
			break
		}
		switch c := r.text[r.at]; c {
		case quote:
			r.at++
			return text.String()
		case '\\':
			r.at++
			text.WriteString(r.escape())
		case '\n', '\r':
			r.fail("the text has no end in its line")
		default:
			text.WriteByte(c)
			r.at++
		}
	}
	return ""
}

// escape reads what follows a backslash.
func (r *json5Reader) escape() string {
	rest := r.text[r.at:]
	if rest == "" {
		return ""
	}
	c, size := utf8.DecodeRuneInString(rest)
	r.at += size
	switch c {
	case '\r':
		if strings.HasPrefix(rest, "\r\n") {
			r.at++
		}
		return ""
	case '\n', '\u2028', '\u2029': // the text goes on in the next line
		return ""
	case 'x':
		return string(r.hex(2))
	case 'u':
		first := r.hex(4)
		if utf16.IsSurrogate(first) && strings.HasPrefix(r.text[r.at:], `\u`) {
			r.at += 2
			return string(utf16.DecodeRune(first, r.hex(4)))
		}
		return string(first)
	}
	if c < utf8.RuneSelf {
		if text, known := json5Escapes[byte(c)]; known {
			return text
		}
	}
	return string(c)
}

// hex reads hexadecimal digits.
func (r *json5Reader) hex(digits int) rune {
	if len(r.text)-r.at < digits {
		r.fail("the text has no end")
		return 0
	}
	n, err := strconv.ParseUint(r.text[r.at:r.at+digits], 16, 32)
	if err != nil {
		r.fail("%.6q are no %d hexadecimal digits", r.text[r.at:r.at+digits], digits)
	}
	r.at += digits
	return rune(n)
}
