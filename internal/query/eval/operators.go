package eval

import (
	"github.com/tandemdb/tandem/internal/query/collation"
	"github.com/tandemdb/tandem/internal/query/function"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/value"
)

func (e *evaluator) operator(x plan.Expr, at env) (value.Value, error) {
	switch x := x.(type) {
	case *plan.Unary:
		v, err := e.value(x.X, at)
		if err != nil || x.Op == "-" {
			return value.Neg(v), err
		}
		return not(v), nil
	case *plan.Binary:
		return e.binary(x, at)
	case *plan.Test:
		return e.test(x, at)
	case *plan.In:
		return e.membership(x, at)
	case *plan.Like:
		v, err := e.values([]plan.Expr{x.X, x.Pattern}, at)
		if err != nil {
			return value.Value{}, err
		}
		like, err := function.Like(v[0], v[1], x.Collation)
		return negated(x.Not, like), err
	case *plan.Between:
		v, err := e.values([]plan.Expr{x.X, x.Low, x.High}, at)
		if err != nil {
			return value.Value{}, err
		}
		low := e.compared(">=", v[0], v[1], collation.Collation{})
		high := e.compared("<=", v[0], v[2], collation.Collation{})
		return negated(x.Not, and(low, high)), nil
	case *plan.Quantified:
		return e.quantified(x, at)
	}
	return value.Value{}, unknown(x)
}

// truth returns the result of an operator: 1 or 0.
func truth(b bool) value.Value { return value.OfBool(b).Untagged() }

func not(v value.Value) value.Value {
	t, known := value.Truth(v)
	if !known {
		return value.Value{}
	}
	return truth(!t)
}

func negated(is bool, v value.Value) value.Value {
	if is {
		return not(v)
	}
	return v
}

func and(a, b value.Value) value.Value {
	x, xKnown := value.Truth(a)
	y, yKnown := value.Truth(b)
	switch {
	case xKnown && !x || yKnown && !y:
		return truth(false)
	case !xKnown || !yKnown:
		return value.Value{}
	}
	return truth(true)
}

func (e *evaluator) binary(x *plan.Binary, at env) (value.Value, error) {
	v, err := e.values([]plan.Expr{x.L, x.R}, at)
	if err != nil {
		return value.Value{}, err
	}
	l, r := v[0], v[1]
	switch x.Op {
	case "+":
		return value.Add(l, r), nil
	case "-":
		return value.Sub(l, r), nil
	case "*":
		return value.Mul(l, r), nil
	case "/":
		return value.Div(l, r), nil
	case "%":
		return value.Mod(l, r), nil
	case "||":
		return function.Concat(v), nil
	case "AND":
		return and(l, r), nil
	case "OR":
		return not(and(not(l), not(r))), nil
	}
	return e.compared(x.Op, l, r, x.Collation), nil
}

// compared returns the result of comparing two values.
func (e *evaluator) compared(op string, l, r value.Value, c collation.Collation) value.Value {
	order := e.compare(l, r, c)
	switch op {
	case "IS":
		return truth(order == 0)
	case "IS NOT":
		return truth(order != 0)
	}
	if l.IsMissing() || r.IsMissing() {
		return value.Value{}
	}
	switch op {
	case "=":
		return truth(order == 0)
	case "!=":
		return truth(order != 0)
	case "<":
		return truth(order < 0)
	case "<=":
		return truth(order <= 0)
	case ">":
		return truth(order > 0)
	}
	return truth(order >= 0)
}

func (e *evaluator) test(x *plan.Test, at env) (value.Value, error) {
	v, err := e.value(x.X, at)
	if err != nil {
		return v, err
	}
	is := false
	switch x.What {
	case "NULL":
		if v.IsMissing() {
			return v, nil
		}
		is = v.Kind() == value.Null
	case "MISSING":
		is = v.IsMissing()
	case "VALUED":
		is = isValued(v)
	}
	return truth(is != x.Not), nil
}

func (e *evaluator) membership(x *plan.In, at env) (value.Value, error) {
	v, err := e.value(x.X, at)
	if err != nil {
		return v, err
	}
	if x.Array != nil {
		array, err := e.value(x.Array, at)
		if err != nil {
			return v, err
		}
		found := function.In(v, array)
		if found.Kind() == value.Null {
			return found, nil
		}
		return negated(x.Not, found), nil
	}
	list, err := e.values(x.List, at)
	if err != nil {
		return v, err
	}
	found := truth(false)
	for _, item := range list {
		switch same := e.compared("=", v, item, collation.Collation{}); {
		case same.IsMissing():
			found = same
		case same.Int() != 0:
			return negated(x.Not, same), nil
		}
	}
	return negated(x.Not, found), nil
}

// quantified evaluates ANY and EVERY over the items of an array.
func (e *evaluator) quantified(x *plan.Quantified, at env) (value.Value, error) {
	array, err := e.value(x.X, at)
	if err != nil {
		return array, err
	}
	if x.Same != nil {
		same, err := e.value(x.Same, at)
		return function.Any(array, same), err
	}
	some, every := false, true
	for item := range array.Items() {
		inner := at
		inner.variables = &variable{x.ID, item, at.variables}
		cond, err := e.value(x.Cond, inner)
		if err != nil {
			return cond, err
		}
		t, known := value.Truth(cond)
		some = some || known && t
		every = every && !(known && !t)
	}
	switch {
	case !x.Every:
		return truth(some), nil
	case !x.Any:
		return truth(every), nil
	}
	count := function.Count(array)
	if count.IsMissing() {
		return and(count, truth(every)), nil
	}
	return truth(count.Int() > 0 && every), nil
}
