package sql

import (
	"github.com/tandemdb/tandem/internal/query/collation"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/value"
)

// operator writes an operator. Its value is never a boolean.
func (w *writer) operator(x plan.Expr) {
	switch x := x.(type) {
	case *plan.Unary:
		w.put("(", x.Op, " ", func() { w.key(x.X) }, ")")
	case *plan.Binary:
		w.binary(x)
	case *plan.Test:
		w.test(x)
	case *plan.In:
		w.in(x)
	case *plan.Like:
		w.put("(", not(x.Not), "tandem_like(", func() { w.key(x.X) }, ", ", func() { w.key(x.Pattern) }, ", ",
			quoted(x.Collation.Name()), "))")
	case *plan.Between:
		w.put("(", func() { w.key(x.X) }, " ", not(x.Not), "BETWEEN ", func() { w.key(x.Low) }, " AND ", func() { w.key(x.High) }, ")")
	case *plan.Quantified:
		w.quantified(x)
	case *plan.Match:
		w.match(x.Number)
	case *plan.Rank:
		w.put(w.searchName(x.Number), ".rank")
	case *plan.Distance:
		w.distance(x.Number)
	}
}

func not(is bool) string {
	if is {
		return "NOT "
	}
	return ""
}

func (w *writer) binary(x *plan.Binary) {
	switch x.Op {
	case "||":
		w.put("tandem_f_concat(", func() { w.full(x.L) }, ", ", func() { w.full(x.R) }, ")")
		return
	case "+", "-", "*", "/", "%", "AND", "OR":
		w.put("(", func() { w.key(x.L) }, " ", x.Op, " ", func() { w.key(x.R) }, ")")
		return
	}
	if x.Op == "=" && (w.sameID(x.L, x.R, x.Collation) || w.sameID(x.R, x.L, x.Collation)) {
		return
	}
	w.put("(", func() { w.compared(x.L, x.R) })
	w.collate(x.Collation)
	w.put(" ", x.Op, " ", func() { w.compared(x.R, x.L) }, ")")
}

// compared writes a side of a comparison. It writes a column without a function, so that SQLite can
// use the column's index, if the other side is a literal that the column's affinity does not
// change.
func (w *writer) compared(x, other plan.Expr) {
	m, ok := x.(*plan.Meta)
	l, ok2 := other.(*plan.Literal)
	if ok && ok2 && (m.Field == plan.MetaID && l.Value.Kind() == value.String || m.Field == plan.MetaSequence && l.Value.Kind() == value.Int) {
		w.put(w.table(m.Source), metaColumns[m.Field])
		return
	}
	w.key(x)
}

// sameID writes the comparison of a document's ID with another expression, so that SQLite can use
// the index of IDs.
func (w *writer) sameID(id, other plan.Expr, c collation.Collation) bool {
	m, ok := id.(*plan.Meta)
	if !ok || m.Field != plan.MetaID || c != (collation.Collation{}) {
		return false
	}
	w.put("(", w.table(m.Source), "id = ", func() { w.textOnly(other) }, ")")
	return true
}

// textOnly writes an expression with NULL in place of numbers, which a column's affinity would
// convert to text.
func (w *writer) textOnly(x plan.Expr) {
	if l, ok := x.(*plan.Literal); ok && l.Value.Kind() == value.String {
		w.key(x)
		return
	}
	if m, ok := x.(*plan.Meta); ok && m.Field == plan.MetaID {
		w.put(w.table(m.Source), "id")
		return
	}
	if p, ok := x.(*plan.Property); ok && !w.isItem(p) {
		w.property(p, "tandem_id", "")
		return
	}
	w.put("tandem_text_only(", func() { w.key(x) }, ")")
}

func (w *writer) test(x *plan.Test) {
	key := func() { w.key(x.X) }
	switch {
	case x.What == "NULL" && x.Not:
		w.put("(", key, " <> x'')")
	case x.What == "NULL":
		w.put("(", key, " = x'')")
	case x.What == "MISSING":
		w.put("(", key, " IS ", not(x.Not), "NULL)")
	case x.Not:
		w.put("ifnull(", key, " = x'', 1)")
	default:
		w.put("ifnull(", key, " <> x'', 0)")
	}
}

func (w *writer) in(x *plan.In) {
	if w.searches[x] {
		w.search(x)
		return
	}
	if x.Array != nil {
		w.put("tandem_in(", func() { w.full(x.X) }, ", ", func() { w.full(x.Array) })
		if x.Not {
			w.put(", 1)")
		} else {
			w.put(", 0)")
		}
		return
	}
	if len(x.List) == 0 { // an empty list in SQL means FALSE, which IS treats differently
		w.put("(", value.OfBool(x.Not).Untagged().Display(), ")")
		return
	}
	each := w.key
	if m, ok := x.X.(*plan.Meta); ok && m.Field == plan.MetaID {
		each = w.textOnly
		w.put("(", w.table(m.Source), "id")
	} else {
		w.put("(", func() { w.key(x.X) })
	}
	w.put(" ", not(x.Not), "IN (")
	w.commas(len(x.List), func(i int) { each(x.List[i]) })
	w.put("))")
}

// condition writes the condition of WHERE. An index serves its X IN $param.
func (w *writer) condition() {
	w.searches = searches(w.q.Where)
	w.key(w.q.Where)
	w.searches = nil
}

// searches finds the conditions X IN $param among those that all rows have to satisfy. An index on X serves them.
func searches(where plan.Expr) map[*plan.In]bool {
	found := map[*plan.In]bool{}
	for _, c := range plan.Conjuncts(where) {
		if in, ok := c.(*plan.In); ok && !in.Not && in.Array != nil {
			if _, ok := in.Array.(*plan.Param); ok {
				found[in] = true
			}
		}
	}
	return found
}

// search writes X IN $param so that an index on X serves. Where the operator is MISSING or NULL, it may be 0.
func (w *writer) search(x *plan.In) {
	items := func() {
		w.put("tandem_items(")
		w.bind(Binding{Param: x.Array.(*plan.Param).Name, Form: List})
		w.put(")")
	}
	if m, ok := x.X.(*plan.Meta); ok && m.Field == plan.MetaID {
		w.put("(", w.table(m.Source), "id IN (SELECT tandem_text_only(key) FROM ", items, "))")
		return
	}
	w.put("(", func() { w.key(x.X) }, " IN (SELECT key FROM ", items, "))")
}

// items writes the virtual table of an array's items.
func (w *writer) items(x plan.Expr) {
	switch x := x.(type) {
	case *plan.Property:
		w.put("tandem_items(", w.text(x.Source), ", ", quoted(x.Path.String()), ")")
	case *plan.Variable:
		w.put("tandem_items(v", x.ID, ".text, ", quoted(x.Path.String()), ")")
	default:
		w.put("tandem_items(", func() { w.full(x) }, ")")
	}
}

func (w *writer) quantified(x *plan.Quantified) {
	if x.Same != nil {
		w.put("tandem_any(", func() { w.full(x.X) }, ", ", func() { w.full(x.Same) }, ")")
		return
	}
	if !x.Every {
		w.put("EXISTS ")
		w.inner(x, "")
		return
	}
	w.put("(")
	if x.Any {
		w.put("tandem_f_array_count(", func() { w.full(x.X) }, ") > 0 AND ")
	}
	w.put("NOT EXISTS ")
	w.inner(x, "NOT ")
	w.put(")")
}

func (w *writer) inner(x *plan.Quantified, negation string) {
	w.put("(SELECT 1 FROM ", func() { w.items(x.X) }, " AS v", x.ID, " WHERE ", negation, func() { w.key(x.Cond) }, ")")
}
