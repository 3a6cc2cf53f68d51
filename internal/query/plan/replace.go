package plan

// Grouped is a value that a group of rows has: of an expression of GROUP BY, or of an aggregate. Only [Replace] makes
// such expressions.
type Grouped struct {
	Index  int  // its number among the values of the group
	Truth  bool // [GivesTruth] is true for what it stands for
	Tagged bool // it may be a boolean
}

func (*Grouped) expr() {}

// Replace returns x with other expressions in place of those for which with returns one. It does not look into these.
// A nil x stays nil.
func Replace(x Expr, with func(Expr) Expr) Expr {
	if x == nil {
		return nil
	}
	if other := with(x); other != nil {
		return other
	}
	in := func(x Expr) Expr { return Replace(x, with) }
	switch x := x.(type) {
	case *Part:
		return &Part{in(x.X), x.Path}
	case *Unary:
		return &Unary{x.Op, in(x.X)}
	case *Binary:
		return &Binary{x.Op, in(x.L), in(x.R), x.Collation}
	case *Test:
		return &Test{in(x.X), x.What, x.Not}
	case *In:
		return &In{in(x.X), replaceAll(x.List, with), in(x.Array), x.Not}
	case *Like:
		return &Like{in(x.X), in(x.Pattern), x.Not, x.Collation}
	case *Between:
		return &Between{in(x.X), in(x.Low), in(x.High), x.Not}
	case *Case:
		return &Case{in(x.X), replaceWhens(x.Whens, with), in(x.Else)}
	case *Quantified:
		return &Quantified{x.Any, x.Every, x.ID, in(x.X), in(x.Cond), in(x.Same)}
	case *Call:
		return &Call{x.Function, replaceAll(x.Args, with), x.Collation}
	case *Aggregate:
		return &Aggregate{x.Function, in(x.X), x.Distinct, x.Collation}
	case *Items:
		return &Items{replaceAll(x.Items, with)}
	case *Members:
		return &Members{x.Keys, replaceAll(x.Values, with)}
	case *Collated:
		return &Collated{in(x.X), x.Collation}
	}
	return x
}

func replaceAll(list []Expr, with func(Expr) Expr) []Expr {
	all := make([]Expr, len(list))
	for i, x := range list {
		all[i] = Replace(x, with)
	}
	return all
}

func replaceWhens(list []When, with func(Expr) Expr) []When {
	all := make([]When, len(list))
	for i, w := range list {
		all[i] = When{Replace(w.Cond, with), Replace(w.Then, with)}
	}
	return all
}
