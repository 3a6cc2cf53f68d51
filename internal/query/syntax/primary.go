package syntax

import (
	"math"
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/internal/query/value"
)

// unary parses a primary and the path after it.
func (p *parser) unary() (Expr, error) {
	x, err := p.primary()
	if err != nil || p.err != nil || !p.tok.is(".") {
		return x, err
	}
	if star, ok := x.(*Star); ok {
		return nil, Errorf(p.tok.start, "no path can follow *").Try("name the property without " + starText(star))
	}
	at := p.tok.start
	var steps value.Path
	for p.err == nil && (p.tok.is(".") || len(steps) > 0 && p.tok.is("[")) {
		if steps, err = p.step(steps); err != nil {
			return nil, err
		}
	}
	n, err := p.node(at, x)
	return &Part{n, x, steps}, err
}

func starText(s *Star) string {
	if s.Of == nil {
		return "*."
	}
	return "*"
}

func (p *parser) primary() (Expr, error) {
	if p.err != nil {
		return nil, p.err
	}
	t := p.tok
	switch t.kind {
	case text:
		p.advance()
		return p.literal(t, value.OfString(t.text))
	case integer, double:
		p.advance()
		return p.literal(t, number(t, ""))
	case param:
		p.advance()
		return &Param{node{t.start, 1}, t.text}, nil
	case quoted:
		return p.path()
	case word:
		return p.wordly(t)
	case mark:
		return p.marked(t)
	case endOfText:
	}
	return nil, p.fail("an expression")
}

func (p *parser) literal(t token, v value.Value) (Expr, error) {
	return &Literal{node{t.start, 1}, v}, nil
}

// number returns the value of a number with a sign before it. An integer beyond int64 becomes the
// nearest one.
func number(t token, sign string) value.Value {
	if t.kind == double {
		f, _ := strconv.ParseFloat(sign+t.text, 64) // beyond the range: an infinity
		return value.OfDouble(f)
	}
	i, err := strconv.ParseInt(sign+t.text, 10, 64)
	switch {
	case err == nil:
		return value.OfInt(i)
	case sign == "-":
		return value.OfInt(math.MinInt64)
	}
	return value.OfInt(math.MaxInt64)
}

// marked parses an expression that begins with a mark.
func (p *parser) marked(t token) (Expr, error) {
	switch t.text {
	case "(":
		p.advance()
		if p.tok.is("SELECT") {
			return nil, p.fail("an expression (subqueries are not supported)")
		}
		x, err := p.expression()
		if err != nil {
			return nil, err
		}
		return x, p.expect(")")
	case "[":
		return p.items(t)
	case "{":
		return p.members(t)
	case "-":
		return p.negative(t)
	case "*":
		p.advance()
		return &Star{node{t.start, 1}, nil}, nil
	}
	return nil, p.fail("an expression")
}

func (p *parser) negative(t token) (Expr, error) {
	p.advance()
	if n := p.tok; p.err == nil && (n.kind == integer || n.kind == double) {
		p.advance()
		return p.literal(t, number(n, "-"))
	}
	return p.prefixed(t, "-")
}

// prefixed parses the operand of - or NOT.
func (p *parser) prefixed(t token, op string) (Expr, error) {
	shallower, err := p.deeper()
	if err != nil {
		return nil, err
	}
	defer shallower()
	x, err := p.primary()
	if err != nil {
		return nil, err
	}
	n, err := p.node(t.start, x)
	return &Unary{n, op, x}, err
}

func (p *parser) items(t token) (Expr, error) {
	p.advance()
	items, err := p.listUntil("]")
	if err != nil {
		return nil, err
	}
	n, err := p.node(t.start, items...)
	return &Items{n, items}, err
}

func (p *parser) members(t token) (Expr, error) {
	p.advance()
	m := new(Members)
	for !p.accept("}") {
		if len(m.Keys) > 0 {
			if err := p.expect(","); err != nil {
				return nil, err
			}
		}
		if p.err != nil || p.tok.kind != text {
			return nil, p.fail("a key in quotes")
		}
		m.Keys = append(m.Keys, p.tok.text)
		p.advance()
		if err := p.expect(":"); err != nil {
			return nil, err
		}
		x, err := p.expression()
		if err != nil {
			return nil, err
		}
		m.Values = append(m.Values, x)
	}
	var err error
	m.node, err = p.node(t.start, m.Values...)
	return m, err
}

// wordly parses an expression that begins with a word.
func (p *parser) wordly(t token) (Expr, error) {
	switch strings.ToUpper(t.text) {
	case "TRUE", "FALSE":
		p.advance()
		return p.literal(t, value.OfBool(t.is("TRUE")))
	case "NULL":
		p.advance()
		return p.literal(t, value.NullValue)
	case "MISSING":
		p.advance()
		return p.literal(t, value.Value{})
	case "NOT":
		p.advance()
		return p.prefixed(t, "NOT")
	case "CASE":
		return p.caseOf(t)
	case "ANY", "EVERY":
		return p.quantified(t)
	case "SOME":
		if next := p.peek(); next.is("AND") || next.isName() {
			after := p.lex
			_, _ = after.next() // seen above
			if in, err := after.next(); err == nil && (in.is("IN") || in.is("EVERY")) {
				return p.quantified(t)
			}
		}
	}
	if p.peek().is("(") && !isReserved(t.text) {
		return p.call(t)
	}
	return p.path()
}

func (p *parser) caseOf(t token) (_ Expr, err error) {
	p.advance()
	c := new(Case)
	below := []Expr{}
	if !p.tok.is("WHEN") {
		if c.X, err = p.expression(); err != nil {
			return nil, err
		}
		below = append(below, c.X)
	}
	for len(c.Whens) == 0 || p.tok.is("WHEN") {
		var w When
		if err := p.expect("WHEN"); err != nil {
			return nil, err
		}
		if w.Cond, err = p.expression(); err != nil {
			return nil, err
		}
		if err := p.expect("THEN"); err != nil {
			return nil, err
		}
		if w.Then, err = p.expression(); err != nil {
			return nil, err
		}
		c.Whens = append(c.Whens, w)
		below = append(below, w.Cond, w.Then)
	}
	if p.accept("ELSE") {
		if c.Else, err = p.expression(); err != nil {
			return nil, err
		}
		below = append(below, c.Else)
	}
	if !p.accept("END") {
		return nil, p.fail("WHEN, ELSE or END", "WHEN", "ELSE", "END")
	}
	c.node, err = p.node(t.start, below...)
	return c, err
}

func (p *parser) quantified(t token) (_ Expr, err error) {
	p.advance()
	q := &Quantified{Any: !t.is("EVERY"), Every: t.is("EVERY")}
	if q.Any && p.accept("AND") {
		q.Every = true
		if err := p.expect("EVERY"); err != nil {
			return nil, err
		}
	}
	if q.Var, err = p.name("the name of a variable"); err != nil {
		return nil, err
	}
	if err := p.expect("IN"); err != nil {
		return nil, err
	}
	if q.X, err = p.expression(); err != nil {
		return nil, err
	}
	if err := p.expect("SATISFIES"); err != nil {
		return nil, err
	}
	if q.Cond, err = p.expression(); err != nil {
		return nil, err
	}
	if err := p.expect("END"); err != nil {
		return nil, err
	}
	q.node, err = p.node(t.start, q.X, q.Cond)
	return q, err
}

// call parses a function's name, which is the next token, and its arguments.
func (p *parser) call(t token) (_ Expr, err error) {
	p.advance()
	p.advance()
	if t.is("META") {
		return p.meta(t)
	}
	c := &Call{Function: strings.ToLower(t.text)}
	switch {
	case p.tok.is("*") && p.peek().is(")"):
		c.Star = true
		p.advance()
	case p.accept("DISTINCT"):
		c.Distinct = true
	}
	if !p.accept(")") {
		if c.Args, err = p.list(); err != nil {
			return nil, err
		}
		if !p.accept(")") {
			return nil, p.fail("a comma or )")
		}
	}
	c.node, err = p.node(t.start, c.Args...)
	return c, err
}

func (p *parser) meta(t token) (Expr, error) {
	m := &Meta{node: node{t.start, 1}}
	for !p.accept(")") {
		if len(m.Source) > 0 {
			if err := p.expect("."); err != nil {
				return nil, err
			}
		}
		name, err := p.name("the name of a source")
		if err != nil {
			return nil, err
		}
		m.Source = append(m.Source, name)
	}
	return m, nil
}

// path parses a name and its path, or name.*.
func (p *parser) path() (Expr, error) {
	at := p.tok.start
	name, err := p.name("an expression")
	if err != nil {
		return nil, err
	}
	n := &Name{node{at, 1}, value.Path{value.Key(name)}}
	for p.err == nil && (p.tok.is(".") || p.tok.is("[")) {
		if p.tok.is(".") && p.peek().is("*") {
			p.advance()
			p.advance()
			return &Star{node{at, 1}, n}, nil
		}
		if n.Steps, err = p.step(n.Steps); err != nil {
			return nil, err
		}
	}
	return n, nil
}

// step parses a dot and a name, or an index in brackets.
func (p *parser) step(path value.Path) (value.Path, error) {
	if len(path) >= MaxDepth {
		return nil, Errorf(p.tok.start, "the path has more than %d steps", MaxDepth)
	}
	if p.accept(".") {
		name, err := p.name("the name of a property")
		return append(path, value.Key(name)), err
	}
	p.advance() // the bracket
	sign := ""
	if p.accept("-") {
		sign = "-"
	}
	if p.err != nil || p.tok.kind != integer {
		return nil, p.fail("an integer")
	}
	i, err := strconv.ParseInt(sign+p.tok.text, 10, 32)
	if err != nil {
		return nil, Errorf(p.tok.start, "the index %s%s is out of range", sign, p.tok.text)
	}
	p.advance()
	return append(path, value.Index(int(i))), p.expect("]")
}
