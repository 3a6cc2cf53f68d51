package syntax

import (
	"slices"

	"github.com/tandemdb/tandem/internal/query/collation"
)

// expression parses or [COLLATE …].
func (p *parser) expression() (Expr, error) {
	shallower, err := p.deeper()
	if err != nil {
		return nil, err
	}
	defer shallower()
	x, err := p.or()
	if err != nil || !p.tok.is("COLLATE") {
		return x, err
	}
	at := p.tok.start
	p.advance()
	c, err := p.collation()
	if err != nil {
		return nil, err
	}
	n, err := p.node(at, x)
	return &Collated{n, x, c}, err
}

func (p *parser) collation() (c collation.Collation, err error) {
	if !p.accept("(") {
		return c, p.collationOption(&c)
	}
	for !p.accept(")") {
		if err := p.collationOption(&c); err != nil {
			return c, err
		}
	}
	return c, nil
}

func (p *parser) collationOption(c *collation.Collation) error {
	switch {
	case p.accept("UNICODE"):
		c.Unicode = true
		if p.accept(":") {
			at := p.tok.start
			locale, err := p.name("a locale")
			if err != nil {
				return err
			}
			if !collation.KnownLocale(locale) {
				return Errorf(at, "%q is no locale", locale)
			}
			c.Locale = locale
		}
	case p.accept("NOUNICODE"):
		c.Unicode = false
	case p.accept("CASE"):
		c.IgnoreCase = false
	case p.accept("NOCASE"):
		c.IgnoreCase = true
	case p.accept("DIAC"):
		c.IgnoreDiacritics = false
	case p.accept("NODIAC"):
		c.IgnoreDiacritics = true
	default:
		return p.fail("a collation", "UNICODE", "NOUNICODE", "CASE", "NOCASE", "DIAC", "NODIAC")
	}
	return nil
}

func (p *parser) or() (Expr, error)  { return p.junction("OR", p.and) }
func (p *parser) and() (Expr, error) { return p.junction("AND", p.equal) }

// junction parses operands with AND or OR between them into a tree of minimal depth.
func (p *parser) junction(op string, operand func() (Expr, error)) (Expr, error) {
	first, err := operand()
	if err != nil || !p.tok.is(op) {
		return first, err
	}
	operands, positions := []Expr{first}, []int{}
	for p.tok.is(op) {
		positions = append(positions, p.tok.start)
		p.advance()
		x, err := operand()
		if err != nil {
			return nil, err
		}
		operands = append(operands, x)
	}
	return p.balanced(op, operands, positions)
}

func (p *parser) balanced(op string, operands []Expr, positions []int) (Expr, error) {
	if len(operands) == 1 {
		return operands[0], nil
	}
	half := len(operands) / 2
	l, err := p.balanced(op, operands[:half], positions[:half-1])
	if err != nil {
		return nil, err
	}
	r, err := p.balanced(op, operands[half:], positions[half:])
	if err != nil {
		return nil, err
	}
	return p.binary(positions[half-1], op, l, r)
}

func (p *parser) binary(at int, op string, l, r Expr) (Expr, error) {
	n, err := p.node(at, l, r)
	return &Binary{n, op, l, r}, err
}

// equal parses a chain of comparisons with =, != and IS, or a single test such as IN or LIKE, which
// forms no chain. A NOT before it negates the whole. META() is an exception: Couchbase Lite negates
// META() alone, and applies the path to the result.
func (p *parser) equal() (Expr, error) {
	if p.err == nil && p.tok.is("NOT") && !p.peek().is("META") {
		return p.negated(p.tok)
	}
	l, err := p.rel()
	if err != nil {
		return nil, err
	}
	if x, done, err := p.test(l); done || err != nil {
		return x, err
	}
	for {
		at := p.tok.start
		op := ""
		switch {
		case p.accept("="), p.accept("=="):
			op = "="
		case p.accept("!="), p.accept("<>"):
			op = "!="
		case p.accept("IS"):
			if op = "IS"; p.accept("NOT") {
				op = "IS NOT"
			}
		default:
			return l, nil
		}
		r, err := p.rel()
		if err != nil {
			return nil, err
		}
		if l, err = p.binary(at, op, l, r); err != nil {
			return nil, err
		}
	}
}

func (p *parser) negated(t token) (Expr, error) {
	shallower, err := p.deeper()
	if err != nil {
		return nil, err
	}
	defer shallower()
	p.advance()
	x, err := p.equal()
	if err != nil {
		return nil, err
	}
	n, err := p.node(t.start, x)
	return &Unary{n, "NOT", x}, err
}

// test parses a test that may follow an operand once: IS NULL and similar ones, IN, LIKE and
// BETWEEN.
func (p *parser) test(x Expr) (_ Expr, done bool, err error) {
	at := p.tok.start
	before := *p
	not := false
	if p.accept("IS") {
		not = p.accept("NOT")
		for _, what := range []string{"NULL", "MISSING", "VALUED"} {
			if p.accept(what) {
				n, err := p.node(at, x)
				return &Test{n, x, what, not}, true, err
			}
		}
		*p = before
		return nil, false, nil
	}
	if p.accept("NOT") {
		not = true
		if p.accept("NULL") {
			n, err := p.node(at, x)
			return &Test{n, x, "NULL", true}, true, err
		}
	}
	switch {
	case p.accept("IN"):
		in, err := p.in(at, x, not)
		return in, true, err
	case p.accept("LIKE"):
		pattern, err := p.rel()
		if err != nil {
			return nil, true, err
		}
		n, err := p.node(at, x, pattern)
		return &Like{n, x, pattern, not}, true, err
	case p.accept("BETWEEN"):
		between, err := p.between(at, x, not)
		return between, true, err
	case not:
		return nil, true, p.fail("NULL, IN, LIKE or BETWEEN", "NULL", "IN", "LIKE", "BETWEEN")
	}
	return nil, false, nil
}

// in parses the list after IN, or the property or parameter that holds the list.
func (p *parser) in(at int, x Expr, not bool) (Expr, error) {
	in := &In{X: x, Not: not}
	closing := ""
	switch {
	case p.accept("("):
		closing = ")"
	case p.accept("["):
		closing = "]"
	}
	var err error
	if closing == "" {
		if !p.atName() && p.tok.kind != param {
			return nil, p.fail("a list in ( ) or [ ], a property or a parameter")
		}
		if in.Array, err = p.unary(); err != nil {
			return nil, err
		}
		in.node, err = p.node(at, x, in.Array)
		return in, err
	}
	if in.List, err = p.listUntil(closing); err != nil {
		return nil, err
	}
	in.node, err = p.node(at, append(in.List[:len(in.List):len(in.List)], x)...)
	return in, err
}

func (p *parser) between(at int, x Expr, not bool) (Expr, error) {
	low, err := p.rel()
	if err != nil {
		return nil, err
	}
	if err := p.expect("AND"); err != nil {
		return nil, err
	}
	high, err := p.rel()
	if err != nil {
		return nil, err
	}
	n, err := p.node(at, x, low, high)
	return &Between{n, x, low, high, not}, err
}

func (p *parser) rel() (Expr, error)  { return p.leftward(p.sum, "<", "<=", ">", ">=") }
func (p *parser) sum() (Expr, error)  { return p.leftward(p.term, "+", "-") }
func (p *parser) term() (Expr, error) { return p.leftward(p.cat, "*", "/", "%") }
func (p *parser) cat() (Expr, error)  { return p.leftward(p.unary, "||") }

// leftward parses operands with left-associative operators.
func (p *parser) leftward(operand func() (Expr, error), ops ...string) (Expr, error) {
	l, err := operand()
	for err == nil {
		at := p.tok.start
		op := slices.IndexFunc(ops, p.accept)
		if op < 0 {
			return l, nil
		}
		var r Expr
		if r, err = operand(); err == nil {
			l, err = p.binary(at, ops[op], l, r)
		}
	}
	return nil, err
}

// listUntil parses a list, which may be empty, and its closing mark.
func (p *parser) listUntil(closing string) ([]Expr, error) {
	if p.accept(closing) {
		return nil, nil
	}
	all, err := p.list()
	if err != nil {
		return nil, err
	}
	return all, p.expect(closing)
}

// list parses expressions with commas between them.
func (p *parser) list() ([]Expr, error) {
	var all []Expr
	for {
		x, err := p.expression()
		if err != nil {
			return nil, err
		}
		all = append(all, x)
		if !p.accept(",") {
			return all, nil
		}
	}
}
