package syntax

import (
	"strings"

	"github.com/tandemdb/tandem/internal/query/value"
)

// The limits of a query.
const (
	MaxText  = 1 << 20 // bytes of a query
	MaxDepth = 200     // levels of an expression

	MaxTerms   = 2000 // columns, and terms of GROUP BY and of ORDER BY
	MaxSources = 64   // collections, and UNNEST
)

// TooMany returns the error for a list that is too long, from a place on.
func TooMany(at int, of string, most int) *Error {
	return Errorf(at, "the query has more than %d %s", most, of)
}

// aClause is what follows a whole clause.
const aClause = "a clause or the end"

// Parse parses a statement. Its error is an [*Error].
func Parse(query string) (*Select, error) {
	p, err := newParser(query)
	if err != nil {
		return nil, err
	}
	s, err := p.statement()
	if err != nil {
		return nil, err
	}
	p.accept(";")
	return s, p.end(aClause)
}

// ParseExpressions parses expressions with commas between them. Its error is an [*Error].
func ParseExpressions(list string) ([]Expr, error) {
	p, err := newParser(list)
	if err != nil {
		return nil, err
	}
	all, err := p.list()
	if err != nil {
		return nil, err
	}
	return all, p.end("a comma or the end")
}

// ParseArrayPath parses the path of an array index. [] separates the property of an array from the
// path within its items. Its error is an [*Error].
func ParseArrayPath(text string) ([]value.Path, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, err
	}
	var all []value.Path
	for {
		x, err := p.arrayProperty()
		if err != nil {
			return nil, err
		}
		all = append(all, x)
		if !p.accept("[") {
			return all, p.end("[] or the end")
		}
		if err := p.expect("]"); err != nil {
			return nil, err
		}
		if err := p.expect("."); err != nil {
			return nil, err
		}
	}
}

// arrayProperty reads a path up to a [] or the end.
func (p *parser) arrayProperty() (value.Path, error) {
	name, err := p.name("the name of a property")
	path := value.Path{value.Key(name)}
	for err == nil && p.err == nil && (p.tok.is(".") || p.tok.is("[") && !p.peek().is("]")) {
		path, err = p.step(path)
	}
	return path, err
}

// parser reads tokens one ahead. The first error of the lexer is kept and met at its token.
type parser struct {
	lex   lexer
	tok   token // the token before tok
	prev  token // the one before it
	err   error // the error that replaces the next token
	level int   // of nesting
}

func newParser(query string) (*parser, error) {
	if len(query) > MaxText {
		return nil, Errorf(MaxText, "the text has %d bytes, and may have %d", len(query), MaxText).
			Try("pass long lists and texts as parameters")
	}
	p := &parser{lex: lexer{src: query}}
	p.advance()
	return p, nil
}

func (p *parser) advance() {
	p.prev = p.tok
	p.tok, p.err = p.lex.next()
}

// peek returns the token after the next one. It ignores an error of the lexer, which advance will
// report.
func (p *parser) peek() token {
	l := p.lex
	t, _ := l.next()
	return t
}

// accept skips a keyword or mark if it comes next.
func (p *parser) accept(what string) bool {
	if p.err != nil || !p.tok.is(what) {
		return false
	}
	p.advance()
	return true
}

// expect skips a keyword or mark that must come next.
func (p *parser) expect(what string) error {
	if p.accept(what) {
		return nil
	}
	return p.fail(what, what)
}

// fail returns an error that names the expected text. If the query misspells one of the keywords,
// the error has a hint.
func (p *parser) fail(expected string, keywords ...string) error {
	if p.err != nil {
		return p.err
	}
	err := Errorf(p.tok.start, "expected %s, found %s", expected, p.tok)
	for _, t := range []token{p.tok, p.prev} {
		if near := nearest(t, keywords); near != "" {
			return err.Try("did you mean " + near + " instead of " + t.text + "?")
		}
	}
	if advice := habit(p.tok, expected); advice != "" {
		return err.Try(advice)
	}
	if p.tok.kind == word && isReserved(p.tok.text) {
		return err.Try(strings.ToUpper(p.tok.text) + " is a reserved word: write it in backquotes if it is a name")
	}
	return err
}

func (p *parser) end(expected string) error {
	if p.err == nil && p.tok.kind == endOfText {
		return nil
	}
	return p.fail(expected, clauses...)
}

// deeper enters a nested expression; the function it returns leaves it.
func (p *parser) deeper() (shallower func(), err error) {
	if p.level++; p.level > MaxDepth {
		return nil, Errorf(p.tok.start, "the expression is nested deeper than %d levels", MaxDepth)
	}
	return func() { p.level-- }, nil
}

// node returns the common part of an expression at a position, with operands below it.
func (p *parser) node(at int, below ...Expr) (node, error) {
	n := node{At: at, levels: 1}
	for _, x := range below {
		if x != nil {
			n.levels = max(n.levels, x.depth()+1)
		}
	}
	if n.levels > MaxDepth {
		return n, Errorf(at, "the expression is deeper than %d levels", MaxDepth).Try("group its parts with parentheses")
	}
	return n, nil
}

// name parses a name.
func (p *parser) name(what string) (string, error) {
	if p.atName() {
		name := p.tok.text
		p.advance()
		return name, nil
	}
	return "", p.fail(what)
}

// atName reports whether a name comes next.
func (p *parser) atName() bool {
	return p.err == nil && p.tok.isName()
}
