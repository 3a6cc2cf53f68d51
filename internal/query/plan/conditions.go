package plan

import (
	"slices"

	"github.com/tandemdb/tandem/internal/query/syntax"
)

// DocumentConditions returns conditions that a document has to satisfy by itself before the query finds it. It returns none
// if the query reads several collections, or ranks what it finds. UNNEST reads a document of the first.
func (q *Query) DocumentConditions() (all []Expr) {
	for _, s := range q.Sources[1:] {
		if s.Kind != syntax.Unnest {
			return nil
		}
	}
	if slices.ContainsFunc(q.Matches, func(m Search) bool { return m.Ranked }) {
		return nil // RANK depends on all documents of the index
	}
	for _, c := range Conjuncts(q.Where) {
		if !has(c, needsMore) {
			all = append(all, c)
		}
	}
	return all
}

// needsMore reports whether the value of x needs more than a document of the first source.
func needsMore(x Expr) bool {
	switch x := x.(type) {
	case *Property:
		return x.Source != 0
	case *Meta:
		return x.Source != 0
	case *Aggregate, *Match, *Rank, *Distance, *Grouped:
		return true
	}
	return false
}
