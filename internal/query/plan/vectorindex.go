package plan

import (
	"reflect"
	"slices"

	"github.com/tandemdb/tandem/internal/query/syntax"
)

// VectorIndex chooses one of a collection's indexes for a search of q: one that has all documents if there is one, else one
// whose condition is among those of q. The errors are at a place of the query's text.
func (q *Query) VectorIndex(n Nearest, all []VectorIndex, at int) (VectorIndex, error) {
	all = ofVector(n.Vector, all)
	if len(all) == 0 {
		return VectorIndex{}, noVectorIndex(q.Sources[n.Source].Collection, at)
	}
	usable := filter(all, func(x VectorIndex) bool { return n.Metric == nil || x.Metric == *n.Metric })
	if len(usable) == 0 {
		return VectorIndex{}, syntax.Errorf(at, "the index %q has another metric: %s", all[0].Name, all[0].Metric).
			Try("leave the metric out, or create another index")
	}
	ready := filter(usable, func(x VectorIndex) bool { return x.Ready })
	if len(ready) == 0 {
		return VectorIndex{}, syntax.Errorf(at, "the vector index %q is not built yet", usable[0].Name).
			Try("create it again, which continues the building, or wait for the program that builds it")
	}
	whole := filter(ready, func(x VectorIndex) bool { return x.Where == nil })
	if len(whole) == 0 {
		if whole = filter(ready, func(x VectorIndex) bool { return q.demands(n.Source, x.Where) }); len(whole) == 0 {
			return VectorIndex{}, syntax.Errorf(at, "the vector index %q has only documents that satisfy its condition, which the query does not have", ready[0].Name).
				Try("add the condition to WHERE, or create an index without one")
		}
	}
	if other := slices.IndexFunc(whole, func(x VectorIndex) bool { return x.Metric != whole[0].Metric }); other >= 0 {
		return VectorIndex{}, syntax.Errorf(at, "the indexes %q and %q have different metrics", whole[0].Name, whole[other].Name).
			Try("give the metric as third argument, such as 'COSINE'")
	}
	return whole[0], nil
}

// demands reports whether all rows of q satisfy a condition on the documents of a source.
func (q *Query) demands(source int, condition Expr) bool {
	given := Conjuncts(q.Where)
	for _, wanted := range Conjuncts(condition) {
		if !slices.ContainsFunc(given, func(x Expr) bool { return sourceIn(x) == source && reflect.DeepEqual(moved(x), wanted) }) {
			return false
		}
	}
	return true
}

func ofVector(of Expr, all []VectorIndex) []VectorIndex {
	return filter(all, func(x VectorIndex) bool { return reflect.DeepEqual(x.Vector, of) })
}

func filter(all []VectorIndex, fits func(VectorIndex) bool) (some []VectorIndex) {
	for _, x := range all {
		if fits(x) {
			some = append(some, x)
		}
	}
	return some
}

func noVectorIndex(c Collection, at int) error {
	return syntax.Errorf(at, "%s.%s has no vector index with this expression", c.Scope, c.Name).
		Try("create one with Collection.CreateIndex, or tandem index create --vector; EUCLIDEAN_DISTANCE() and COSINE_DISTANCE() need none")
}

// ReadsMeta reports whether an expression reads what can change while the body of the document stays.
func ReadsMeta(x Expr) bool {
	return has(x, func(x Expr) bool { m, is := x.(*Meta); return is && m.Field != MetaID })
}
