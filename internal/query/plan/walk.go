package plan

import "slices"

// operands returns the direct operands of x.
func operands(x Expr) []Expr {
	switch x := x.(type) {
	case *Part:
		return []Expr{x.X}
	case *Unary:
		return []Expr{x.X}
	case *Binary:
		return []Expr{x.L, x.R}
	case *Test:
		return []Expr{x.X}
	case *In:
		if x.Array != nil {
			return []Expr{x.X, x.Array}
		}
		return append([]Expr{x.X}, x.List...)
	case *Like:
		return []Expr{x.X, x.Pattern}
	case *Between:
		return []Expr{x.X, x.Low, x.High}
	case *Case:
		return present(caseOperands(x)...)
	case *Quantified:
		return present(x.X, x.Cond, x.Same)
	case *Call:
		return x.Args
	case *Aggregate:
		return present(x.X)
	case *Items:
		return x.Items
	case *Members:
		return x.Values
	case *Collated:
		return []Expr{x.X}
	}
	return nil
}

func caseOperands(x *Case) []Expr {
	all := []Expr{x.X}
	for _, w := range x.Whens {
		all = append(all, w.Cond, w.Then)
	}
	return append(all, x.Else)
}

func present(list ...Expr) []Expr {
	var there []Expr
	for _, x := range list {
		if x != nil {
			there = append(there, x)
		}
	}
	return there
}

// hasAggregate reports whether x contains an aggregate.
func hasAggregate(x Expr) bool {
	return has(x, func(x Expr) bool { _, is := x.(*Aggregate); return is })
}

// nodes counts the expressions that x consists of.
func nodes(x Expr) (n int) {
	has(x, func(Expr) bool { n++; return false })
	return n
}

// uses reports whether x uses the variable with the given ID.
func uses(x Expr, id int) bool {
	return has(x, func(x Expr) bool { v, is := x.(*Variable); return is && v.ID == id })
}

// has reports whether is returns true for x or an expression below it.
func has(x Expr, is func(Expr) bool) bool {
	return is(x) || slices.ContainsFunc(operands(x), func(below Expr) bool { return has(below, is) })
}

// IsConstant reports whether x has one value for all rows of a run.
func IsConstant(x Expr) bool {
	return !has(x, func(x Expr) bool {
		switch x.(type) {
		case *Property, *Variable, *Meta, *Aggregate, *Match, *Rank, *Distance:
			return true
		}
		return false
	})
}

// Conjuncts returns the conditions that have to be true for x to be: its parts between ANDs. Of nil it returns none.
func Conjuncts(x Expr) []Expr {
	if x == nil {
		return nil
	}
	if b, ok := x.(*Binary); ok && b.Op == "AND" {
		return append(Conjuncts(b.L), Conjuncts(b.R)...)
	}
	return []Expr{x}
}

// Properties counts the properties in expressions. A nil expression has none.
func Properties(list ...Expr) (n int) {
	for _, x := range list {
		if x == nil {
			continue
		}
		if _, is := x.(*Property); is {
			n++
		}
		n += Properties(operands(x)...)
	}
	return n
}

// GoesThroughArrays reports whether the query has conditions on the items of arrays.
func (q *Query) GoesThroughArrays() bool {
	for _, s := range q.Sources {
		if s.Items != nil || s.On != nil && has(s.On, goesThroughArray) {
			return true
		}
	}
	return q.Where != nil && has(q.Where, goesThroughArray)
}

func goesThroughArray(x Expr) bool {
	switch x := x.(type) {
	case *Quantified:
		return true
	case *In:
		return x.Array != nil
	case *Call:
		return x.Function.Name == "array_contains"
	}
	return false
}
