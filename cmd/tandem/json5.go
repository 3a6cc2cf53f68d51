package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// fromJSON5 returns a text of JSON5 as JSON: without comments and the commas at the end of lists, with
// keys and strings in double quotes, and numbers in JSON's form. It changes words only. What they make
// together is for the reader of the JSON to check.
func fromJSON5(text string) ([]byte, error) {
	if !utf8.ValidString(text) {
		return nil, errors.New("the text is not UTF-8")
	}
	r := &json5Reader{text: text}
	for r.skipBlank(); r.at < len(r.text) && r.err == nil; r.skipBlank() {
		r.word()
	}
	return r.out.Bytes(), r.err
}

// json5Reader goes through a text of JSON5.
type json5Reader struct {
	text  string
	at    int
	out   bytes.Buffer
	last  byte // of out: a mark, or 'v' after a value
	comma bool // a comma was read after a value, and not yet written
	err   error
}

func (r *json5Reader) fail(format string, args ...any) {
	if r.err == nil {
		line := 1 + strings.Count(r.text[:min(r.at, len(r.text))], "\n")
		r.err = fmt.Errorf("line %d: %s", line, fmt.Sprintf(format, args...))
	}
}

// skipBlank skips blanks and comments.
func (r *json5Reader) skipBlank() {
	for r.at < len(r.text) {
		rest := r.text[r.at:]
		c, size := utf8.DecodeRuneInString(rest)
		switch {
		case unicode.IsSpace(c) || c == '\ufeff':
			r.at += size
		case strings.HasPrefix(rest, "//"):
			r.at += lineEnd(rest)
		case strings.HasPrefix(rest, "/*"):
			length := strings.Index(rest[2:], "*/")
			if length < 0 {
				r.fail("the comment has no end")
				r.at = len(r.text)
				return
			}
			r.at += length + 4
		default:
			return
		}
	}
}

// lineEnd returns where the first line ends.
func lineEnd(text string) int {
	if end := strings.IndexAny(text, "\n\r\u2028\u2029"); end >= 0 {
		return end
	}
	return len(text)
}

// word copies a mark, a string, a number or a name.
func (r *json5Reader) word() {
	switch c := r.text[r.at]; c {
	case ',':
		r.at++
		if r.comma || r.last != 'v' {
			r.fail("there is nothing in front of a comma")
		}
		r.comma = true
	case '}', ']':
		r.at++
		r.comma = false // one may stand at the end
		r.put('v', string(c))
	case '{', '[', ':':
		r.at++
		r.put(c, string(c))
	case '"', '\'':
		r.put('v', quoteJSON(r.string()))
	default:
		if name := r.name(); name != "" {
			r.put('v', r.named(name))
			return
		}
		r.put('v', r.number())
	}
}

// put writes a word.
func (r *json5Reader) put(kind byte, word string) {
	if r.comma {
		r.out.WriteByte(',')
	}
	r.comma, r.last = false, kind
	r.out.WriteString(word)
	if kind == 'v' {
		r.out.WriteByte(' ') // so that two words stay two
	}
}

func quoteJSON(text string) string {
	quoted, _ := json.Marshal(text) // a string never fails
	return string(quoted)
}

// name reads a name, such as that of a key; "" if there is none.
func (r *json5Reader) name() string {
	isPart := func(c rune) bool { return c == '_' || c == '$' || unicode.IsLetter(c) || unicode.IsDigit(c) }
	if c, _ := utf8.DecodeRuneInString(r.text[r.at:]); !isPart(c) || unicode.IsDigit(c) {
		return ""
	}
	name := r.text[r.at:]
	if end := strings.IndexFunc(name, func(c rune) bool { return !isPart(c) }); end >= 0 {
		name = name[:end]
	}
	r.at += len(name)
	return name
}

// named returns a key in quotes, or a value that is a name.
func (r *json5Reader) named(name string) string {
	r.skipBlank()
	switch {
	case strings.HasPrefix(r.text[r.at:], ":"):
		return quoteJSON(name)
	case name == "true" || name == "false" || name == "null":
		return name
	}
	r.fail("%.40q is no value: a text has quotes", name)
	return ""
}

// number reads a number.
func (r *json5Reader) number() string {
	word := r.text[r.at:]
	if end := strings.IndexFunc(word, func(c rune) bool { return !strings.ContainsRune("+-.0123456789abcdefABCDEFxX", c) }); end >= 0 {
		word = word[:end]
	}
	if word == "" {
		c, _ := utf8.DecodeRuneInString(r.text[r.at:])
		r.fail("%q has no meaning here", c)
		return ""
	}
	plain := strings.TrimPrefix(word, "+")
	sign := ""
	if rest, minus := strings.CutPrefix(word, "-"); minus {
		plain, sign = rest, "-"
	}
	if strings.HasPrefix(plain, "0x") || strings.HasPrefix(plain, "0X") {
		n, err := strconv.ParseUint(plain[2:], 16, 64)
		if err != nil {
			r.fail("%.40q is no number", word)
		}
		plain = strconv.FormatUint(n, 10)
	}
	if strings.HasPrefix(plain, ".") {
		plain = "0" + plain
	}
	plain = strings.TrimSuffix(strings.Replace(strings.Replace(plain, ".e", ".0e", 1), ".E", ".0E", 1), ".")
	if strings.Trim(word, "+-") == "." || !json.Valid([]byte(plain)) || strings.HasPrefix(plain, "-") {
		r.fail("%.40q is no number", word)
	}
	r.at += len(word)
	return sign + plain
}
