package plan

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/query/vector"
)

// approximate is the function that measures the distances of vectors with the help of an index.
const approximate = "approx_vector_distance"

// MaxNearest bounds LIMIT of a query that finds the nearest of all vectors.
const MaxNearest = 10_000

// VectorIndex is a vector index of a collection.
type VectorIndex struct {
	Name   string
	Vector Expr // of a document, which is source 0
	Metric vector.Metric
	Where  Expr // a condition on the document, or nil
	Ready  bool // queries can use it
}

// Nearest is a search of vectors: the documents of a source that have a vector in the index, each with a distance.
type Nearest struct {
	Source int            // whose documents it finds
	Index  string         // by name, as the query was compiled; another run may use another
	Vector Expr           // of a document, which is source 0
	Metric *vector.Metric // nil for that of the index
	Target Expr           // constant
	Probes Expr           // how many lists to search: constant, or nil for as many as the index says
}

// distance resolves a call of APPROX_VECTOR_DISTANCE.
func (b *binder) distance(x *syntax.Call, s scope) (Expr, error) {
	name := strings.ToUpper(approximate) + "()"
	switch n := len(x.Args); {
	case b.indexing:
		return nil, syntax.Errorf(x.Pos(), "an index cannot use %s", name)
	case s.constant || s.clause == "ON" || s.clause == "UNNEST":
		return nil, syntax.Errorf(x.Pos(), "%s cannot use %s", s.clause, name)
	case n < 2 || n > 5 || x.Star || x.Distinct:
		return nil, syntax.Errorf(x.Pos(), "%s takes 2 to 5 arguments: a vector, the target, a metric, the number of lists to search, and FALSE", name)
	}
	args, err := b.all(x.Args, s)
	if err != nil {
		return nil, err
	}
	if !IsConstant(args[1]) {
		return nil, syntax.Errorf(x.Args[1].Pos(), "the target of %s cannot depend on a document", name).Try("write an array or a parameter")
	}
	n := Nearest{Target: args[1], Source: sourceIn(args[0]), Vector: moved(args[0])}
	if err := b.hasVectorIndex(x, n); err != nil {
		return nil, err
	}
	if n.Metric, err = metric(x, args); err != nil {
		return nil, err
	}
	if b.q.Sources[n.Source].Kind == syntax.Left {
		return nil, syntax.Errorf(x.Pos(), "%s cannot measure the documents of a LEFT JOIN", name).Try("join with JOIN")
	}
	if n.Probes, err = probes(x, args); err != nil {
		return nil, err
	}
	return &Distance{b.measure(n, x.Pos())}, nil
}

// measure returns the number of a search. Equal searches are one.
func (b *binder) measure(n Nearest, at int) int {
	if i := slices.IndexFunc(b.q.Nearest, func(other Nearest) bool { return reflect.DeepEqual(n, other) }); i >= 0 {
		return i
	}
	b.q.Nearest = append(b.q.Nearest, n)
	b.measured = append(b.measured, at)
	return len(b.q.Nearest) - 1
}

// hasVectorIndex fails if no index has the vectors that a search measures.
func (b *binder) hasVectorIndex(x *syntax.Call, n Nearest) error {
	if n.Source < 0 || b.q.Sources[n.Source].Kind == syntax.Unnest {
		return syntax.Errorf(x.Args[0].Pos(), "the vector has to be of one document").Try("write the expression of a vector index")
	}
	c := b.q.Sources[n.Source].Collection
	if len(ofVector(n.Vector, b.catalog.VectorIndexes(c))) == 0 {
		return noVectorIndex(c, x.Args[0].Pos())
	}
	return nil
}

// sourceIn returns the source of all that an expression reads, or -1.
func sourceIn(x Expr) int {
	found := map[int]bool{}
	walk(x, func(x Expr) bool {
		switch x := x.(type) {
		case *Property:
			found[x.Source] = true
		case *Meta:
			found[x.Source] = true
		}
		return false
	})
	for source := range found {
		if len(found) == 1 {
			return source
		}
	}
	return -1
}

// moved returns an expression as one over the source 0.
func moved(x Expr) Expr {
	return Replace(x, func(x Expr) Expr {
		switch x := x.(type) {
		case *Property:
			return &Property{Path: x.Path}
		case *Meta:
			return &Meta{Field: x.Field}
		}
		return nil
	})
}

// metric returns the third argument, nil if there is none.
func metric(x *syntax.Call, args []Expr) (*vector.Metric, error) {
	if len(args) < 3 {
		return nil, nil //nolint:nilnil // there is no such argument
	}
	l, ok := args[2].(*Literal)
	at := x.Args[2].Pos()
	if !ok || l.Value.Kind() != value.String {
		return nil, syntax.Errorf(at, "the metric is a text, such as 'COSINE'")
	}
	m, known := vector.ParseMetric(l.Value.Text())
	if !known {
		return nil, syntax.Errorf(at, "there is no metric %q", l.Value.Text()).Try("use EUCLIDEAN_SQUARED, L2_SQUARED, EUCLIDEAN, L2, COSINE or DOT")
	}
	return &m, nil
}

// probes returns the fourth argument, and checks the fifth.
func probes(x *syntax.Call, args []Expr) (Expr, error) {
	if len(args) > 4 {
		l, ok := args[4].(*Literal)
		if !ok || l.Value.Kind() != value.Bool || l.Value.Bool() {
			return nil, syntax.Errorf(x.Args[4].Pos(), "the last argument can only be FALSE").
				Try("EUCLIDEAN_DISTANCE() and COSINE_DISTANCE() are accurate, as is an index without centroids")
		}
	}
	if len(args) < 4 {
		return nil, nil //nolint:nilnil // there is no such argument
	}
	if !IsConstant(args[3]) {
		return nil, syntax.Errorf(x.Args[3].Pos(), "the number of lists to search cannot depend on a document")
	}
	if l, ok := args[3].(*Literal); ok && !isProbes(l.Value) {
		return nil, syntax.Errorf(x.Args[3].Pos(), "the number of lists to search is a positive integer")
	}
	return args[3], nil
}

func isProbes(v value.Value) bool { return v.Kind() == value.Int && v.Int() > 0 }

// ProbesOf returns the number of lists to search that a value is.
func ProbesOf(v value.Value) (int, error) {
	if !isProbes(v) {
		return 0, fmt.Errorf("the number of lists to search is a positive integer, and not %s", v.AppendJSON(nil))
	}
	return int(min(v.Int(), vector.MaxLists)), nil
}

// nearest checks what a query does with the distances that it measures.
func (b *binder) nearest(s *syntax.Select) error {
	for i := range b.q.Nearest {
		n := &b.q.Nearest[i]
		index, err := b.q.VectorIndex(*n, b.catalog.VectorIndexes(b.q.Sources[n.Source].Collection), b.measured[i])
		if err != nil {
			return err
		}
		n.Index = index.Name
		is := func(x Expr) bool { d, is := x.(*Distance); return is && d.Number == i }
		if b.q.Where != nil && has(b.q.Where, func(x Expr) bool {
			or, ok := x.(*Binary)
			return ok && or.Op == "OR" && has(or, is)
		}) {
			return syntax.Errorf(b.measured[i], "the distance cannot stand below an OR").Try("run two queries")
		}
		if b.q.Filters() {
			continue
		}
		switch l, ok := b.q.Limit.(*Literal); {
		case b.q.Limit == nil || len(b.q.OrderBy) == 0 || !isDistance(b.q.OrderBy[0].X):
			return syntax.Errorf(b.measured[i], "the distances of all documents need ORDER BY and LIMIT").
				Try("write ORDER BY APPROX_VECTOR_DISTANCE(…) LIMIT 10, or add a condition")
		case ok && l.Value.Int() > MaxNearest:
			return syntax.Errorf(s.Limit.Pos(), "LIMIT can be %d at most where no condition chooses the documents", MaxNearest)
		}
	}
	return nil
}

func isDistance(x Expr) bool { _, is := x.(*Distance); return is }

// Filters reports whether the query has conditions on other than distances.
func (q *Query) Filters() bool {
	return len(q.Sources) > 1 || slices.ContainsFunc(Conjuncts(q.Where), func(x Expr) bool { return !has(x, isDistance) })
}
