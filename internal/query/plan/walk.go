package plan

import "slices"

// operands returns the expressions right below x.
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

// hasAggregate reports whether x has an aggregate.
func hasAggregate(x Expr) bool {
	return has(x, func(x Expr) bool { _, is := x.(*Aggregate); return is })
}

// uses reports whether x uses the variable of an ANY or EVERY.
func uses(x Expr, id int) bool {
	return has(x, func(x Expr) bool { v, is := x.(*Variable); return is && v.ID == id })
}

// has reports whether x, or an expression below it, is of a sort.
func has(x Expr, is func(Expr) bool) bool {
	return is(x) || slices.ContainsFunc(operands(x), func(below Expr) bool { return has(below, is) })
}
