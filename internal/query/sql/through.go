package sql

import (
	"fmt"
	"slices"

	"github.com/tandemdb/tandem/internal/query/collation"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
)

// arrayItems names the items of an array, as conditions have them.
type arrayItems struct {
	prefix string       // of their columns
	root   int          // the source with the documents
	path   []value.Path // to them, as in [ArrayIndex]
}

// throughArrays adds conditions that follow from those the query has: that a document is one of those which an
// array index knows.
func (w *writer) throughArrays() {
	if w.b.Len() > MaxText || !slices.ContainsFunc(w.q.Sources, func(s plan.Source) bool { return s.Items == nil && len(w.tables(s.Collection).Arrays) > 0 }) {
		return
	}
	conditions := plan.Conjuncts(w.q.Where)
	for _, s := range w.q.Sources {
		if s.Kind != syntax.Left {
			conditions = append(conditions, plan.Conjuncts(s.On)...)
		}
	}
	for i, s := range w.q.Sources {
		if p, ok := s.Items.(*plan.Property); ok {
			in := w.itemsOf(p, fmt.Sprintf("d%d.", i))
			w.throughIndex(in, conditions, conditions)
		}
	}
	for _, c := range conditions {
		w.throughAny(c, arrayItems{root: -1}, conditions)
	}
}

// itemsOf returns the items of the array in a property of a source.
func (w *writer) itemsOf(p *plan.Property, prefix string) arrayItems {
	s := w.q.Sources[p.Source]
	if above, ok := s.Items.(*plan.Property); ok {
		in := w.itemsOf(above, "")
		return arrayItems{prefix, in.root, append(in.path, p.Path)}
	}
	return arrayItems{prefix, p.Source, []value.Path{p.Path}}
}

// throughAny looks at a condition that an item of an array is to satisfy. above are the items of the ANY around it.
func (w *writer) throughAny(c plan.Expr, above arrayItems, all []plan.Expr) {
	array, same := arrayOf(c)
	in, ok := w.within(array, above)
	if !ok {
		return
	}
	if same != nil {
		in.prefix = "v0." // there is no such variable
		item := &plan.Variable{}
		w.throughIndex(in, []plan.Expr{&plan.Binary{Op: "=", L: item, R: same}}, all)
		return
	}
	q, ok := c.(*plan.Quantified)
	if !ok || q.Cond == nil {
		return
	}
	in.prefix = fmt.Sprintf("v%d.", q.ID)
	conditions := plan.Conjuncts(q.Cond)
	w.throughIndex(in, conditions, all)
	for _, below := range conditions {
		w.throughAny(below, in, all)
	}
}

// arrayOf returns the array that c searches for an item, nil if c searches no array. It also returns the value that
// the item has to equal, nil if c compares the item in another way.
func arrayOf(c plan.Expr) (array, same plan.Expr) {
	switch c := c.(type) {
	case *plan.Quantified:
		if !c.Every { // ANY AND EVERY is content with items for which the condition is MISSING
			return c.X, c.Same
		}
	case *plan.In:
		if c.Array != nil && !c.Not {
			return c.Array, c.X
		}
	case *plan.Call:
		if c.Function.Name == "array_contains" {
			return c.Args[0], c.Args[1]
		}
	}
	return nil, nil
}

// within returns the items of an array that is a property of a source, or of the items above.
func (w *writer) within(array plan.Expr, above arrayItems) (arrayItems, bool) {
	switch array := array.(type) {
	case *plan.Property:
		if len(array.Path) > 0 {
			return w.itemsOf(array, ""), true
		}
	case *plan.Variable:
		if above.prefix == fmt.Sprintf("v%d.", array.ID) && len(array.Path) > 0 {
			return arrayItems{"", above.root, append(slices.Clone(above.path), array.Path)}, true
		}
	}
	return arrayItems{}, false
}

// throughIndex adds the condition on the documents that the best index gives for conditions on items.
func (w *writer) throughIndex(in arrayItems, conditions, all []plan.Expr) {
	var best ArrayIndex
	var on []func()
	for _, index := range w.tables(w.q.Sources[in.root].Collection).Arrays {
		if !slices.EqualFunc(index.Path, in.path, func(a, b value.Path) bool { return slices.Equal(a, b) }) || !w.implied(index, in.root, all) {
			continue
		}
		if found := w.onTerms(index, in.prefix, conditions); len(found) > len(on) {
			best, on = index, found
		}
	}
	if len(on) == 0 {
		return
	}
	w.put(" AND d", in.root, ".id IN (SELECT id FROM ", identifier(best.Table), " WHERE ")
	for i, condition := range on {
		if i > 0 {
			w.put(" AND ")
		}
		condition()
	}
	w.put(")")
}

// implied reports whether all documents that the query finds satisfy the condition of a partial index.
func (w *writer) implied(index ArrayIndex, root int, all []plan.Expr) bool {
	d := documentWriter(fmt.Sprintf("d%d.", root))
	for _, needed := range plan.Conjuncts(index.Where) {
		text := d.uncollated(needed)
		if !slices.ContainsFunc(all, func(c plan.Expr) bool { return w.uncollated(c) == text }) {
			return false
		}
	}
	return true
}

// onTerms returns the conditions on the leading columns of an index that follow from conditions on an item. Each
// writes itself.
func (w *writer) onTerms(index ArrayIndex, prefix string, conditions []plan.Expr) (on []func()) {
	for i, t := range index.Terms {
		term := itemWriter(prefix).uncollated(t)
		_, order := plan.Uncollated(t)
		before := len(on)
		for _, c := range conditions {
			if write := w.onTerm(c, term, order, fmt.Sprintf("k%d ", i)); write != nil {
				on = append(on, write)
			}
		}
		if len(on) == before {
			break
		}
	}
	return on
}

// flipped has the operators that serve, each with the one for exchanged sides. IS would find what is MISSING.
var flipped = map[string]string{"=": "=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}

// onTerm returns a condition on an item as one on a column of an index, nil unless it compares the term with constants.
func (w *writer) onTerm(c plan.Expr, term string, order collation.Collation, column string) func() {
	is := func(x plan.Expr) bool { return !plan.IsConstant(x) && w.uncollated(x) == term }
	binary := order == (collation.Collation{})
	switch c := c.(type) {
	case *plan.Binary:
		other, ok := flipped[c.Op]
		switch {
		case !ok || c.Collation != order:
		case plan.IsConstant(c.R) && is(c.L):
			return func() { w.put(column, c.Op, " ", func() { w.key(c.R) }) }
		case plan.IsConstant(c.L) && is(c.R):
			return func() { w.put(column, other, " ", func() { w.key(c.L) }) }
		}
	case *plan.Between:
		if binary && !c.Not && plan.IsConstant(c.Low) && plan.IsConstant(c.High) && is(c.X) {
			return func() { w.put(column, "BETWEEN ", func() { w.key(c.Low) }, " AND ", func() { w.key(c.High) }) }
		}
	case *plan.In:
		if binary && !c.Not && c.Array == nil && len(c.List) > 0 && !slices.ContainsFunc(c.List, varies) && is(c.X) {
			return func() { w.put(column, "IN (", func() { w.commas(len(c.List), func(i int) { w.key(c.List[i]) }) }, ")") }
		}
	}
	return nil
}

func varies(x plan.Expr) bool { return !plan.IsConstant(x) }
