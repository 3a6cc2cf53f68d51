package sql

import (
	"encoding/json"
	"reflect"
	"slices"

	"github.com/tandemdb/tandem/internal/query/collation"
	"github.com/tandemdb/tandem/internal/query/plan"
)

// Grouping tells the function tandem_groups what a row has: the values of GROUP BY, and what is aggregated. SQLite
// groups by sorting the rows with all that is read of them. The function has a hash table of the groups instead, and
// takes several properties from one text. The table tandem_grouped then has a row for each group, with the values of
// GROUP BY and the aggregates in its columns c0, c1 and so on.
type Grouping struct {
	Keys       []RowValue  `json:"keys"`
	Aggregates []Aggregate `json:"aggregates,omitempty"`
}

// RowValue is a value of a row: an argument of the function in full form, or with a path, a part of an argument that
// is JSON text, or the number of an item of tandem_items.
type RowValue struct {
	Argument int     `json:"argument"` // from 0
	Path     *string `json:"path,omitempty"`
}

// Aggregate is an aggregate of a group.
type Aggregate struct {
	Function  string    `json:"function"`        // as in plan.Aggregate
	Of        *RowValue `json:"of,omitempty"`    // nil in count(*)
	Collation string    `json:"order,omitempty"` // of min and max
}

// MaxGrouped bounds the columns of tandem_grouped.
const MaxGrouped = 64

// ParseGrouping reads the first argument of tandem_groups.
func ParseGrouping(text []byte) (g Grouping, err error) {
	err = json.Unmarshal(text, &g)
	return g, err
}

// groups is a query with groups in two parts: what is grouped, and a query over the groups.
type groups struct {
	keys       []plan.Expr
	aggregates []*plan.Aggregate
	outer      plan.Query // without sources
	simple     bool       // there is nothing that tandem_groups lacks
}

// groupsOf returns the parts of a query, or false if SQLite has to group its rows.
func groupsOf(q *plan.Query) (*groups, bool) {
	g := &groups{keys: q.GroupBy, simple: len(q.GroupBy) > 0}
	for _, k := range g.keys {
		if _, c := plan.Uncollated(k); c != (collation.Collation{}) {
			return nil, false
		}
	}
	g.outer = plan.Query{Distinct: q.Distinct, Limit: q.Limit, Offset: q.Offset, Having: g.over(q.Having)}
	for _, c := range q.Columns {
		g.outer.Columns = append(g.outer.Columns, plan.Column{Name: c.Name, X: g.over(c.X)})
	}
	for _, o := range q.OrderBy {
		g.outer.OrderBy = append(g.outer.OrderBy, plan.Order{X: g.over(o.X), Desc: o.Desc, Nulls: o.Nulls})
	}
	return g, g.simple && len(g.keys)+len(g.aggregates) <= MaxGrouped
}

// over returns an expression of the groups' rows as one of the groups.
func (g *groups) over(x plan.Expr) plan.Expr {
	x = plan.Replace(x, func(x plan.Expr) plan.Expr {
		if a, ok := x.(*plan.Aggregate); ok {
			return &plan.Grouped{Index: len(g.keys) + g.aggregate(a), Tagged: a.Function == "min" || a.Function == "max"}
		}
		if i := slices.IndexFunc(g.keys, func(k plan.Expr) bool { return reflect.DeepEqual(k, x) }); i >= 0 {
			return &plan.Grouped{Index: i, Tagged: true, Truth: plan.GivesTruth(x)}
		}
		return nil
	})
	if x != nil && !plan.IsConstant(x) {
		g.simple = false // it takes a value from some row of the group
	}
	return x
}

// aggregate returns the number of an aggregate. Equal aggregates share one number.
func (g *groups) aggregate(a *plan.Aggregate) int {
	if a.Distinct {
		g.simple = false
	}
	i := slices.IndexFunc(g.aggregates, func(other *plan.Aggregate) bool { return reflect.DeepEqual(a, other) })
	if i < 0 {
		i = len(g.aggregates)
		g.aggregates = append(g.aggregates, a)
	}
	return i
}

// grouped writes a query whose groups tandem_groups makes, and reports whether it can.
func (w *writer) grouped() bool {
	g, ok := groupsOf(w.q)
	if !ok || w.endsEarly() {
		return false
	}
	spec, arguments := g.described(w)
	if len(arguments) >= maxArguments {
		return false
	}
	rows := w.q
	w.q = &g.outer
	w.selected()
	w.q = rows
	w.put(" FROM tandem_grouped((SELECT tandem_groups(", quoted(spec))
	for _, a := range arguments {
		w.put(", ", func() { a.write(w) })
	}
	w.put(")")
	w.from()
	w.q = &g.outer
	w.put(")) AS g")
	if w.q.Having != nil {
		w.put(" WHERE ", func() { w.key(w.q.Having) })
	}
	w.ending()
	w.q = rows
	return true
}

// argument is an argument of tandem_groups: an expression, or if that is nil, what the properties of a source are in.
type argument struct {
	x      plan.Expr
	source int
}

func (a argument) write(w *writer) {
	switch {
	case a.x != nil:
		w.full(a.x)
	case w.q.Sources[a.source].Items != nil:
		w.put(w.table(a.source), "item")
	default:
		w.put(w.text(a.source))
	}
}

// described returns the description of the rows, and the arguments that it speaks of.
func (g *groups) described(w *writer) (spec string, arguments []argument) {
	value := func(x plan.Expr) (v RowValue) {
		a := argument{x: x}
		if p, ok := x.(*plan.Property); ok {
			path := p.Path.String()
			v.Path, a = &path, argument{source: p.Source}
		}
		if v.Argument = slices.IndexFunc(arguments, func(b argument) bool { return reflect.DeepEqual(a, b) }); v.Argument < 0 {
			v.Argument = len(arguments)
			arguments = append(arguments, a)
		}
		return v
	}
	var all Grouping
	for _, k := range g.keys {
		all.Keys = append(all.Keys, value(k))
	}
	for _, a := range g.aggregates {
		described := Aggregate{Function: a.Function, Collation: a.Collation.Name()}
		if a.X != nil {
			of := value(a.X)
			described.Of = &of
		}
		all.Aggregates = append(all.Aggregates, described)
	}
	text, _ := json.Marshal(all) // texts and numbers cannot fail
	return string(text), arguments
}

// endsEarly reports whether SQLite may find the first groups through an index, and the query may need no others.
func (w *writer) endsEarly() bool {
	first := w.q.GroupBy[0]
	if w.q.Limit == nil || len(w.q.OrderBy) > 0 && !reflect.DeepEqual(w.q.OrderBy[0].X, first) {
		return false
	}
	if m, ok := first.(*plan.Meta); ok && (m.Field == plan.MetaID || m.Field == plan.MetaSequence) {
		return true
	}
	text := w.aside(func() { w.ordered(first) })
	return slices.ContainsFunc(w.tables(w.q.Sources[0].Collection).Leading, func(x plan.Expr) bool {
		d := documentWriter(w.table(0))
		d.ordered(x)
		return d.b.String() == text
	})
}
