package sql

import (
	"fmt"

	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/syntax"
)

// textIndex returns the index that a search of the query uses.
func (w *writer) textIndex(number int) TextIndex {
	m := w.q.Matches[number]
	return w.tables(w.q.Sources[m.Source].Collection).Texts[m.Index]
}

// searchName returns the alias of a search, which shows in SQLite's plan.
func (w *writer) searchName(number int) string {
	name := "fulltext " + w.q.Matches[number].Index
	if number > 0 {
		name = fmt.Sprintf("fulltext %d %s", number+1, w.q.Matches[number].Index)
	}
	return identifier(name)
}

// leading reports whether the rows of a search lead to the documents of the first source. Others are searched first, and
// their sequences kept.
func (w *writer) leading(number int) bool { return number == 0 && w.q.Matches[0].Source == 0 }

// found writes the search that leads to the first source.
func (w *writer) found() {
	if len(w.q.Matches) == 0 || !w.leading(0) {
		return
	}
	if w.q.Matches[0].Ranked {
		w.rankedRows(0)
	} else {
		w.put(identifier(w.textIndex(0).Table()))
	}
	w.put(" AS ", w.searchName(0), " CROSS JOIN ")
}

// ranks writes the other searches whose RANK the query uses.
func (w *writer) ranks() {
	for i, m := range w.q.Matches {
		if m.Ranked && !w.leading(i) {
			w.put(" JOIN ", func() { w.rankedRows(i) }, " AS ", w.searchName(i))
		}
	}
}

// rankedRows writes a subquery of the sequences that a search finds, with their ranks. SQLite must not make it a part of
// the query around it, where groups and sorted rows have no rank.
func (w *writer) rankedRows(number int) {
	table := identifier(w.textIndex(number).Table())
	w.put("(SELECT rowid AS seq, tandem_rank(", table, ", ")
	w.bind(Binding{Kind: Totals, Number: number})
	w.put(") AS rank FROM ", table, " WHERE ", table, " MATCH ")
	w.bind(Binding{Kind: Search, Number: number})
	if !w.best() {
		w.put(" LIMIT -1)")
		return
	}
	w.put(" AND rowid NOT IN (SELECT seq FROM ", w.tables(w.q.Sources[0].Collection).Name, " WHERE ")
	w.expired()
	w.put(") ORDER BY rank")
	if w.q.OrderBy[0].Desc {
		w.put(" DESC")
	}
	w.limits()
	w.put(")")
}

// best reports whether the query has the rows of its only search in the order of their rank alone, and no more than a number
// of them. Then no other documents need to be read.
func (w *writer) best() bool {
	_, all := w.q.Where.(*plan.Match)
	return all && w.byRank()
}

// firstBy returns the only term of ORDER BY, and reports whether the query has no more than a number of documents
// of one source in the order of it.
func (w *writer) firstBy() (o plan.Order, ok bool) {
	q := w.q
	if len(q.Sources) != 1 || q.Grouped || q.Distinct || q.Limit == nil || len(q.OrderBy) != 1 {
		return plan.Order{}, false
	}
	return q.OrderBy[0], q.OrderBy[0].Nulls == syntax.NullsOrdered
}

// byRank reports whether the query has rows of its only search in the order of their rank alone, and no more than a number of them.
func (w *writer) byRank() bool {
	first, ok := w.firstBy()
	_, ranked := first.X.(*plan.Rank)
	return ok && ranked && len(w.q.Matches) == 1 && len(w.q.Nearest) == 0
}

// bestFirst writes a query for the documents of the best ranks that satisfy other conditions, and reports whether the query is one.
// It reads documents in the order of their ranks, and no more of them than it needs.
func (w *writer) bestFirst() bool {
	if !w.byRank() || w.best() || !w.leading(0) {
		return false
	}
	name, docs := w.searchName(0), w.tables(w.q.Sources[0].Collection).Name
	order := func() {
		w.put(" ORDER BY ", name, ".rank")
		if w.q.OrderBy[0].Desc {
			w.put(" DESC")
		}
	}
	w.selected()
	w.put(" FROM (SELECT ", name, ".seq, ", name, ".rank FROM (SELECT seq, rank FROM ", func() { w.rankedRows(0) }, " AS ", name, order,
		" LIMIT -1) AS ", name, " CROSS JOIN ", docs, " AS d0 WHERE ", func() { w.present(0) }, " AND ")
	w.condition()
	w.limits()
	w.put(") AS ", name, " CROSS JOIN ", docs, " AS d0 ON d0.seq = ", name, ".seq", order)
	return true
}

// match writes the condition that a search finds a document.
func (w *writer) match(number int) {
	m := w.q.Matches[number]
	table := identifier(w.textIndex(number).Table())
	document := fmt.Sprintf("d%d.seq", m.Source)
	switch {
	case m.Ranked:
		w.put("(", document, " = ", w.searchName(number), ".seq)")
	case w.leading(number):
		w.put("(", w.searchName(number), ".", table, " MATCH ")
		w.bind(Binding{Kind: Search, Number: number})
		w.put(" AND ", document, " = ", w.searchName(number), ".rowid)")
	default:
		w.put("(", document, " IN (SELECT rowid FROM ", table, " WHERE ", table, " MATCH ")
		w.bind(Binding{Kind: Search, Number: number})
		w.put("))")
	}
}

// foundCounted writes a query that counts what its only search finds. The index has no deleted documents, and few have
// expired that are not purged.
func (w *writer) foundCounted(t Table) {
	w.columns = []Form{Full}
	table, name := identifier(w.textIndex(0).Table()), w.searchName(0)
	found := func() {
		w.put(table, " AS ", name, " WHERE ", name, ".", table, " MATCH ")
		w.bind(Binding{Kind: Search, Number: 0})
	}
	w.put("SELECT (SELECT count(*) FROM ", found, ") - (SELECT count(*) FROM (SELECT seq FROM ", t.Name, " WHERE ", w.expired,
		") AS expired CROSS JOIN ", found, " AND ", name, ".rowid = expired.seq)")
}
