package plan

import (
	"fmt"
	"slices"

	"github.com/tandemdb/tandem/internal/query/function"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
)

// Aggregates returns the names of the aggregate functions.
func Aggregates() []string { return slices.Clone(aggregates) }

var aggregates = []string{"count", "sum", "avg", "min", "max", "array_agg"}

// call resolves a function.
func (b *binder) call(x *syntax.Call, s scope) (Expr, error) {
	if slices.Contains(aggregates, x.Function) {
		return b.aggregate(x, s)
	}
	f := function.Find(x.Function)
	if f == nil {
		err := syntax.Errorf(x.Pos(), "there is no function %q", x.Function)
		if near := syntax.Nearest(x.Function, slices.Concat(function.Names(), aggregates, []string{"match", "rank", approximate})); near != "" {
			return nil, err.Try("did you mean " + near + "()?")
		}
		return nil, err.Try("docs/queries.md lists the functions")
	}
	if x.Star || x.Distinct {
		return nil, syntax.Errorf(x.Pos(), "%s() takes neither * nor DISTINCT", x.Function)
	}
	if n := len(x.Args); n < f.Least || n > f.Most {
		return nil, syntax.Errorf(x.Pos(), "%s() takes %s, and is given %d", x.Function, arguments(f), n)
	}
	if b.indexing && f.Local {
		return nil, syntax.Errorf(x.Pos(), "an index cannot use %s(), which depends on the time zone", x.Function)
	}
	args, err := b.all(x.Args, s)
	if err != nil {
		return nil, err
	}
	if l, ok := patternOf(f, args); ok {
		if err := function.CheckPattern(l.Value.Text()); err != nil {
			return nil, syntax.Errorf(x.Args[1].Pos(), "%v", err)
		}
	}
	return &Call{Function: f, Args: args}, nil
}

// patternOf returns the regular expression that is a literal among the arguments of f.
func patternOf(f *function.Function, args []Expr) (*Literal, bool) {
	if !f.Regexp {
		return nil, false
	}
	l, ok := args[1].(*Literal)
	return l, ok && l.Value.Kind() == value.String
}

func arguments(f *function.Function) string {
	switch {
	case f.Least == f.Most && f.Least == 1:
		return "1 argument"
	case f.Least == f.Most:
		return fmt.Sprintf("%d arguments", f.Least)
	case f.Most == function.Many:
		return fmt.Sprintf("%d or more arguments", f.Least)
	}
	return fmt.Sprintf("%d to %d arguments", f.Least, f.Most)
}

func (b *binder) aggregate(x *syntax.Call, s scope) (Expr, error) {
	if b.indexing {
		return nil, syntax.Errorf(x.Pos(), "an index cannot use the aggregate %s()", x.Function)
	}
	if !s.aggregates {
		return nil, syntax.Errorf(x.Pos(), "%s cannot use the aggregate %s()", s.clause, x.Function).
			Try("aggregates are for result columns, HAVING and ORDER BY")
	}
	a := &Aggregate{Function: x.Function, Distinct: x.Distinct}
	b.q.Grouped = true
	switch n := len(x.Args); {
	case x.Star || n == 0:
		if x.Function != "count" || x.Distinct {
			return nil, syntax.Errorf(x.Pos(), "%s() takes 1 argument", x.Function)
		}
		return a, nil
	case n > 1:
		return nil, syntax.Errorf(x.Pos(), "%s() takes 1 argument, and is given %d", x.Function, n)
	}
	s.aggregates = false
	s.clause = x.Function + "()"
	in, err := b.bind(x.Args[0], s)
	if err != nil {
		return nil, err
	}
	a.X, a.Collation = Uncollated(in)
	return a, nil
}
