package sql

import (
	"fmt"

	"github.com/tandemdb/tandem/internal/query/plan"
)

// vectorIndex returns the index that a search of the query uses.
func (w *writer) vectorIndex(number int) VectorIndex {
	n := w.q.Nearest[number]
	return w.tables(w.q.Sources[n.Source].Collection).Vectors[n.Index]
}

// nearestName returns the alias of a search, which shows in SQLite's plan.
func (w *writer) nearestName(number int) string {
	name := "vector " + w.q.Nearest[number].Index
	if number > 0 {
		name = fmt.Sprintf("vector %d %s", number+1, w.q.Nearest[number].Index)
	}
	return identifier(name)
}

// distance writes the distance of a document's vector.
func (w *writer) distance(number int) {
	name := w.nearestName(number)
	if w.nearest {
		w.put(name, ".distance")
		return
	}
	w.put("tandem_distance(")
	w.bind(Binding{Kind: Target, Number: number})
	w.put(", ", name, ".vector)")
}

// vectors writes the indexes that the query joins: only documents with a vector have a distance.
func (w *writer) vectors() {
	for i, n := range w.q.Nearest {
		name := w.nearestName(i)
		w.put(" JOIN ", identifier(w.vectorIndex(i).Rows()), " AS ", name, " ON ", name, ".id = ", w.table(n.Source), "id AND ", name,
			".vector IS NOT NULL")
	}
}

// nearestFirst writes a query for the documents that are the nearest to a target, and reports whether the query is one.
// The table tandem_nearest gives the numbers of vectors by their distance, so that no more documents are read than the
// query needs. It fails if too few satisfy the conditions; the rows are then found by these.
func (w *writer) nearestFirst() bool {
	q := w.q
	first, ok := w.firstBy()
	_, near := first.X.(*plan.Distance)
	if !ok || !near || first.Desc || len(q.Nearest) != 1 || len(q.Matches) > 0 {
		return false
	}
	w.nearest = true
	name, docs := w.nearestName(0), w.tables(q.Sources[0].Collection).Name
	w.selected()
	w.put(" FROM (SELECT r.id, ", name, ".distance FROM tandem_nearest(")
	w.bind(Binding{Kind: Target})
	w.put(") AS ", name, " CROSS JOIN ", identifier(w.vectorIndex(0).Rows()), " AS r ON r.n = ", name, ".n CROSS JOIN ", docs,
		" AS d0 ON d0.id = r.id WHERE ", func() { w.present(0) })
	if q.Where != nil {
		w.put(" AND ", func() { w.key(q.Where) })
	}
	w.limits()
	w.put(") AS ", name, " CROSS JOIN ", docs, " AS d0 ON d0.id = ", name, ".id ORDER BY ", name, ".distance")
	return true
}
