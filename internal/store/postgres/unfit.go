package postgres

import "strconv"

// Bounds of what a column of type jsonb surely takes.
const (
	deepest       = 500   // levels of objects and arrays
	longestDigits = 10000 // digits of a number and its exponent, together
)

// unfit says why a body, which is valid JSON, does not go into a column of type jsonb; "" if it does.
func unfit(body []byte) string {
	f := fitness{body: body}
	for f.i < len(body) && f.why == "" {
		switch c := body[f.i]; {
		case c == '"':
			f.text()
		case c == '{' || c == '[':
			f.depth++
			if f.depth > deepest {
				f.why = "nested too deep"
			}
			f.i++
		case c == '}' || c == ']':
			f.depth--
			f.i++
		case c == '-' || c >= '0' && c <= '9':
			f.number()
		default:
			f.i++
		}
	}
	return f.why
}

type fitness struct {
	body  []byte
	i     int
	depth int
	why   string
}

// text passes a string.
func (f *fitness) text() {
	for f.i++; f.i < len(f.body); f.i++ {
		switch f.body[f.i] {
		case '"':
			f.i++
			return
		case '\\':
			f.escape()
		}
	}
}

// escape passes an escape but its last byte.
func (f *fitness) escape() {
	f.i++
	if f.i >= len(f.body) || f.body[f.i] != 'u' {
		return
	}
	unit := f.unit(f.i + 1)
	f.i += 4
	switch {
	case unit == 0:
		f.why = `a text has \u0000`
	case unit >= 0xdc00 && unit <= 0xdfff:
		f.why = "a text has half of a surrogate pair"
	case unit >= 0xd800 && unit <= 0xdbff:
		low := -1
		if f.i+2 < len(f.body) && f.body[f.i+1] == '\\' && f.body[f.i+2] == 'u' {
			low = f.unit(f.i + 3)
		}
		if low < 0xdc00 || low > 0xdfff {
			f.why = "a text has half of a surrogate pair"
			return
		}
		f.i += 6
	}
}

// unit reads four hexadecimal digits, -1 if there are none.
func (f *fitness) unit(at int) int {
	if at+4 > len(f.body) {
		return -1
	}
	n, err := strconv.ParseUint(string(f.body[at:at+4]), 16, 16)
	if err != nil {
		return -1
	}
	return int(n)
}

// number passes a number.
func (f *fitness) number() {
	from, exponent := f.i, -1
	for ; f.i < len(f.body); f.i++ {
		c := f.body[f.i]
		if c == 'e' || c == 'E' {
			exponent = f.i + 1
		} else if c != '-' && c != '+' && c != '.' && (c < '0' || c > '9') {
			break
		}
	}
	if f.i-from > longestDigits {
		f.why = "a number has too many digits"
	}
	if exponent < 0 {
		return
	}
	n, err := strconv.Atoi(string(f.body[exponent:f.i]))
	if digits := exponent - 1 - from; err != nil || n > longestDigits-digits || n < digits-longestDigits {
		f.why = "a number has a huge exponent"
	}
}
