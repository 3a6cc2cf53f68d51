package plan

import (
	"github.com/tandemdb/tandem/internal/query/collation"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
)

// scope tells what names may refer to at the place of an expression.
type scope struct {
	clause     string
	aliases    bool // names may refer to column aliases, which come first
	aggregates bool // aggregates may be called
	columns    bool // the expression is a result column,
	column     int  // its index
	constant   bool // no rows exist yet
	conjunct   bool // the expression is one of those between the ANDs of WHERE

	variables *variable // of the surrounding ANY and EVERY
}

// variable is the variable of an ANY or EVERY.
type variable struct {
	name  string
	id    int
	outer *variable
}

// bind resolves the names of an expression.
func (b *binder) bind(x syntax.Expr, s scope) (Expr, error) {
	conjunct := s.conjunct
	if and, ok := x.(*syntax.Binary); !ok || and.Op != "AND" {
		s.conjunct = false
	}
	switch x := x.(type) {
	case *syntax.Literal:
		return &Literal{x.Value}, nil
	case *syntax.Name:
		return b.name(x, s)
	case *syntax.Star:
		return b.star(x, s)
	case *sourceStar:
		return &Property{Source: x.source}, nil
	case *syntax.Param:
		return b.param(x)
	case *syntax.Part:
		return b.part(x, s)
	case *syntax.Meta:
		return b.meta(x, nil, s)
	case *syntax.Call:
		if x.Function == "match" || x.Function == "rank" {
			return b.fullText(x, s, conjunct)
		}
		if x.Function == approximate {
			return b.distance(x, s)
		}
		return b.call(x, s)
	case *syntax.Collated:
		return b.collated(x, s)
	case *syntax.Quantified:
		return b.quantified(x, s)
	case *syntax.Case:
		return b.caseOf(x, s)
	}
	return b.operator(x, s)
}

// operator resolves an expression that consists of operands only.
func (b *binder) operator(x syntax.Expr, s scope) (Expr, error) {
	switch x := x.(type) {
	case *syntax.Unary:
		in, err := b.all([]syntax.Expr{x.X}, s)
		if err != nil {
			return nil, err
		}
		return &Unary{x.Op, in[0]}, nil
	case *syntax.Binary:
		in, err := b.all([]syntax.Expr{x.L, x.R}, s)
		if err != nil {
			return nil, err
		}
		return &Binary{Op: x.Op, L: in[0], R: in[1]}, nil
	case *syntax.Test:
		in, err := b.all([]syntax.Expr{x.X}, s)
		if err != nil {
			return nil, err
		}
		return &Test{in[0], x.What, x.Not}, nil
	case *syntax.Like:
		in, err := b.all([]syntax.Expr{x.X, x.Pattern}, s)
		if err != nil {
			return nil, err
		}
		return &Like{X: in[0], Pattern: in[1], Not: x.Not}, nil
	case *syntax.Between:
		in, err := b.all([]syntax.Expr{x.X, x.Low, x.High}, s)
		if err != nil {
			return nil, err
		}
		return &Between{in[0], in[1], in[2], x.Not}, nil
	case *syntax.In:
		return b.in(x, s)
	case *syntax.Items:
		items, err := b.all(x.Items, s)
		if err != nil {
			return nil, err
		}
		if values, ok := constants(items); ok {
			return &Literal{value.OfItems(values...)}, nil
		}
		return &Items{items}, nil
	case *syntax.Members:
		return b.members(x, s)
	}
	return nil, syntax.Errorf(x.Pos(), "this expression is not supported")
}

func (b *binder) all(list []syntax.Expr, s scope) ([]Expr, error) {
	bound := make([]Expr, len(list))
	for i, x := range list {
		var err error
		if bound[i], err = b.bind(x, s); err != nil {
			return nil, err
		}
	}
	return bound, nil
}

// constants returns the values of expressions that are all literals.
func constants(list []Expr) ([]value.Value, bool) {
	values := make([]value.Value, len(list))
	for i, x := range list {
		l, ok := x.(*Literal)
		if !ok {
			return nil, false
		}
		values[i] = l.Value
	}
	return values, true
}

func (b *binder) members(x *syntax.Members, s scope) (Expr, error) {
	values, err := b.all(x.Values, s)
	if err != nil {
		return nil, err
	}
	if fixed, ok := constants(values); ok {
		members := make([]value.Member, len(fixed))
		for i, v := range fixed {
			members[i] = value.Member{Key: x.Keys[i], Value: v}
		}
		return &Literal{value.OfMembers(members...)}, nil
	}
	return &Members{x.Keys, values}, nil
}

func (b *binder) in(x *syntax.In, s scope) (Expr, error) {
	left, err := b.bind(x.X, s)
	if err != nil {
		return nil, err
	}
	if x.Array != nil {
		array, err := b.bind(x.Array, s)
		return &In{X: left, Array: array, Not: x.Not}, err
	}
	list, err := b.all(x.List, s)
	return &In{X: left, List: list, Not: x.Not}, err
}

func (b *binder) caseOf(x *syntax.Case, s scope) (_ Expr, err error) {
	c := new(Case)
	if x.X != nil {
		if c.X, err = b.bind(x.X, s); err != nil {
			return nil, err
		}
	}
	for _, w := range x.Whens {
		in, err := b.all([]syntax.Expr{w.Cond, w.Then}, s)
		if err != nil {
			return nil, err
		}
		c.Whens = append(c.Whens, When{in[0], in[1]})
	}
	if x.Else != nil {
		c.Else, err = b.bind(x.Else, s)
	}
	return c, err
}

func (b *binder) quantified(x *syntax.Quantified, s scope) (Expr, error) {
	array, err := b.bind(x.X, s)
	if err != nil {
		return nil, err
	}
	b.lastID++
	q := &Quantified{Any: x.Any, Every: x.Every, ID: b.lastID, X: array}
	s.variables = &variable{x.Var, q.ID, s.variables}
	if q.Cond, err = b.bind(x.Cond, s); err != nil {
		return nil, err
	}
	if same := q.same(); same != nil && !x.Every {
		q.Cond, q.Same = nil, same
	}
	if b.indexing && q.Cond != nil {
		return nil, syntax.Errorf(x.Pos(), "an index cannot go through the items of an array with ANY or EVERY").
			Try("array_contains() can be indexed")
	}
	return q, nil
}

// same returns the expression that the condition compares the whole item with, or nil for another
// condition.
func (q *Quantified) same() Expr {
	eq, ok := q.Cond.(*Binary)
	if !ok || eq.Op != "=" || eq.Collation != (collation.Collation{}) {
		return nil
	}
	for _, sides := range [][2]Expr{{eq.L, eq.R}, {eq.R, eq.L}} {
		if v, ok := sides[0].(*Variable); ok && v.ID == q.ID && len(v.Path) == 0 && !uses(sides[1], q.ID) {
			return sides[1]
		}
	}
	return nil
}

// maxParams bounds the parameters of a query. SQLite has 32,766, and one may be there in three forms.
const maxParams = 10_000

func (b *binder) param(x *syntax.Param) (Expr, error) {
	if b.indexing {
		return nil, syntax.Errorf(x.Pos(), "an index cannot depend on a parameter")
	}
	if !b.params[x.Name] {
		if len(b.q.Params) >= maxParams {
			return nil, syntax.TooMany(x.Pos(), "parameters", maxParams)
		}
		if b.params == nil {
			b.params = map[string]bool{}
		}
		b.params[x.Name] = true
		b.q.Params = append(b.q.Params, x.Name)
	}
	return &Param{x.Name}, nil
}

// collated gives its collation to the first comparison inside. Without a comparison, the collation
// orders rows.
func (b *binder) collated(x *syntax.Collated, s scope) (Expr, error) {
	in, err := b.bind(x.X, s)
	if err != nil {
		return nil, err
	}
	if _, name := x.X.(*syntax.Name); !name && collate(in, x.Collation) { // the expression of an alias keeps its own collation
		return in, nil
	}
	return &Collated{in, x.Collation}, nil
}

// collate gives a collation to the first comparison of x, and reports whether there is one.
func collate(x Expr, c collation.Collation) bool {
	switch x := x.(type) {
	case *Binary:
		switch x.Op {
		case "=", "!=", "<", "<=", ">", ">=", "IS", "IS NOT":
			x.Collation = c
			return true
		}
	case *Like:
		x.Collation = c
		return true
	case *Call:
		if x.Function.Collatable {
			x.Collation = c
			return true
		}
	case *Collated, *In, *Between:
		return false
	}
	for _, below := range operands(x) {
		if collate(below, c) {
			return true
		}
	}
	return false
}
