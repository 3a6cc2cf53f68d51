package syntax

import (
	"strings"
	"unicode/utf8"
)

// lexer splits a query into tokens. It is a small value: a copy remembers a place to return to.
type lexer struct {
	src string
	pos int
}

// marks lists operators and punctuation. A longer mark stands before its prefixes.
var marks = []string{"<>", "<=", ">=", "==", "!=", "||", "<", ">", "=", "+", "-", "*", "/", "%", "(", ")", "[", "]", "{", "}", ",", ".", ":", ";"}

// next returns the next token.
func (l *lexer) next() (token, error) {
	if err := l.skip(); err != nil {
		return token{}, err
	}
	t := token{start: l.pos}
	if l.pos == len(l.src) {
		t.end = l.pos
		return t, nil
	}
	var err error
	switch c := l.src[l.pos]; {
	case isLetter(c):
		t.kind, t.text = word, l.name()
	case c == '`':
		t.kind = quoted
		t.text, err = l.quote('`', "name in backquotes")
	case c == '\'' || c == '"':
		t.kind = text
		t.text, err = l.quote(c, "string")
	case isDigit(c) || c == '.' && l.pos+1 < len(l.src) && isDigit(l.src[l.pos+1]):
		t.kind, t.text, err = l.number()
	case c == '$':
		t.kind = param
		t.text, err = l.param()
	default:
		t.kind = mark
		t.text, err = l.mark()
	}
	t.end = l.pos
	return t, err
}

// skip skips white space and comments.
func (l *lexer) skip() error {
	for l.pos < len(l.src) {
		switch {
		case strings.IndexByte(" \t\r\n\v\f", l.src[l.pos]) >= 0:
			l.pos++
		case strings.HasPrefix(l.src[l.pos:], "/*"):
			n := strings.Index(l.src[l.pos+2:], "*/")
			if n < 0 {
				return Errorf(l.pos, "this comment has no end").Try("close it with */")
			}
			l.pos += n + 4
		default:
			return nil
		}
	}
	return nil
}

func (l *lexer) name() string {
	start := l.pos
	for l.pos < len(l.src) && (isLetter(l.src[l.pos]) || isDigit(l.src[l.pos]) || l.src[l.pos] == '$') {
		l.pos++
	}
	return l.src[start:l.pos]
}

func (l *lexer) param() (string, error) {
	start := l.pos
	l.pos++
	if l.pos == len(l.src) || !isLetter(l.src[l.pos]) {
		return "", Errorf(l.pos, "a parameter needs a name after $, which begins with a letter")
	}
	name := l.name()
	if isReserved(name) {
		return "", Errorf(start+1, "%q is a reserved word and cannot name a parameter", name)
	}
	return name, nil
}

// quote reads text between quotes. A doubled quote inside stands for the quote itself.
func (l *lexer) quote(q byte, what string) (string, error) {
	start := l.pos
	var b strings.Builder
	for l.pos++; ; l.pos++ {
		n := strings.IndexByte(l.src[l.pos:], q)
		if n < 0 {
			l.pos = len(l.src)
			return "", Errorf(l.pos, "the %s that begins at byte %d has no end", what, start)
		}
		b.WriteString(l.src[l.pos : l.pos+n])
		l.pos += n + 1
		if l.pos == len(l.src) || l.src[l.pos] != q {
			break
		}
		b.WriteByte(q)
	}
	if !utf8.ValidString(b.String()) {
		return "", Errorf(start, "this %s is not valid UTF-8", what)
	}
	return b.String(), nil
}

func (l *lexer) number() (kind, string, error) {
	start, k := l.pos, integer
	l.digits()
	if l.at('.') {
		l.pos++
		k = double
		l.digits()
	}
	if l.at('e') || l.at('E') {
		mantissa := l.pos
		l.pos++
		if l.at('+') || l.at('-') {
			l.pos++
		}
		if !l.digits() {
			return k, "", Errorf(mantissa, "a number cannot be followed by a letter")
		}
		k = double
	}
	if l.pos < len(l.src) && isLetter(l.src[l.pos]) {
		return k, "", Errorf(l.pos, "a number cannot be followed by a letter")
	}
	return k, l.src[start:l.pos], nil
}

func (l *lexer) digits() bool {
	start := l.pos
	for l.pos < len(l.src) && isDigit(l.src[l.pos]) {
		l.pos++
	}
	return l.pos > start
}

func (l *lexer) at(c byte) bool { return l.pos < len(l.src) && l.src[l.pos] == c }

func (l *lexer) mark() (string, error) {
	rest := l.src[l.pos:]
	for _, m := range marks {
		if strings.HasPrefix(rest, m) {
			l.pos += len(m)
			return m, nil
		}
	}
	r, _ := utf8.DecodeRuneInString(rest)
	err := Errorf(l.pos, "the character %q means nothing here", r)
	if r >= utf8.RuneSelf {
		return "", err.Try("names with other letters than a to z stand in backquotes")
	}
	return "", err
}

func isLetter(c byte) bool { return c == '_' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }
func isDigit(c byte) bool  { return c >= '0' && c <= '9' }
