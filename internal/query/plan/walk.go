package plan

// Operands returns the expressions right below x.
func Operands(x Expr) []Expr {
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

// HasAggregate reports whether x has an aggregate.
func HasAggregate(x Expr) bool {
	if _, ok := x.(*Aggregate); ok {
		return true
	}
	for _, below := range Operands(x) {
		if HasAggregate(below) {
			return true
		}
	}
	return false
}

// Uses reports whether x uses the variable of an ANY or EVERY.
func Uses(x Expr, id int) bool {
	if v, ok := x.(*Variable); ok && v.ID == id {
		return true
	}
	for _, below := range Operands(x) {
		if Uses(below, id) {
			return true
		}
	}
	return false
}
