package sql

import (
	"strconv"
	"strings"
	"time"

	"github.com/tandemdb/tandem/internal/query/collation"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/syntax"
)

// MaxText bounds the translation, in bytes: it repeats the expression of an alias at each use.
const MaxText = 4 << 20

// Form is the form of a value in SQL: see the package comment.
type Form uint8

// The forms. Truth is the form of an operator as a whole column: 1 or 0 for true or false.
const (
	Full Form = iota
	Key
	Written
	Truth
	List // a parameter whose items are searched: an array, or NULL for any other value
)

// Binding is the source of a parameter's value in the SQL text: a parameter of the query, or a
// value that is known only when the query runs.
type Binding struct {
	Kind   BindingKind
	Param  string // for Param
	Form   Form   // for Param
	Number int    // of the plan's Matches, for Search and Totals, or of its Nearest, for Target
}

// BindingKind is a kind of [Binding].
type BindingKind uint8

// The kinds of bindings. Now is in Unix milliseconds; Limit is -1 for no limit. Search is a full-text search in the
// language of FTS5, and Totals how often each of its phrases is in each column of the index. Target is a search of vectors.
const (
	Param BindingKind = iota
	Now
	Limit
	Offset
	Search
	Totals
	Target
)

// Statement is a translated query.
type Statement struct {
	Text     string
	Bindings []Binding // by number, from ?1
	Columns  []Form    // form of each column

	// Sorting gives the same rows in a way that always ends. It takes over when tandem_groups has too many groups, or
	// tandem_nearest has no more rows. Nil if the statement has neither.
	Sorting *Statement
}

// Table is the SQL table of a collection. Its columns are seq, id, flags (bit 1: the document is
// deleted), rev, expiry and body.
type Table struct {
	Name   string
	Live   string // an SQL expression for the number of documents that are not deleted; "" if they must be counted
	Arrays []ArrayIndex

	Leading    []plan.Expr // that the indexes of documents begin with
	NotIndexed bool        // SQLite must not use its indexes

	Texts   map[string]TextIndex   // those that the query searches, by name
	Vectors map[string]VectorIndex // likewise
}

// Translate translates a query. local is the time zone of dates without one.
func Translate(q *plan.Query, tables func(plan.Collection) Table, local *time.Location) (*Statement, error) {
	write := func(how func(*writer) bool) (*Statement, bool) {
		w := &writer{q: q, tables: tables, local: local.String()}
		ok := how(w) && w.b.Len() <= MaxText
		return &Statement{Text: w.b.String(), Bindings: w.bindings, Columns: w.columns}, ok
	}
	s, ok := write(func(w *writer) bool { w.statement(); return true })
	if !ok {
		return nil, syntax.Errorf(0, "the query is too large").Try("repeat long expressions less often")
	}
	for _, quick := range []func(*writer) bool{(*writer).grouped, (*writer).nearestFirst, (*writer).bestFirst} {
		if quicker, ok := write(quick); ok {
			quicker.Sorting = s
			return quicker, nil
		}
	}
	return s, nil
}

// IndexTerm returns the SQL of an index's expression.
func IndexTerm(x plan.Expr) string {
	w := documentWriter("")
	w.ordered(x)
	return w.b.String()
}

// IndexCondition returns the SQL of the condition of a partial index.
func IndexCondition(x plan.Expr) string {
	w := documentWriter("")
	w.key(x)
	return w.b.String()
}

// documentWriter writes expressions over one document, whose columns have a prefix.
func documentWriter(prefix string) *writer {
	return &writer{q: &plan.Query{Sources: []plan.Source{{}}}, prefix: &prefix}
}

// itemWriter writes expressions over one item of an array.
func itemWriter(prefix string) *writer {
	return &writer{q: &plan.Query{Sources: []plan.Source{plan.ItemSource}}, prefix: &prefix}
}

// writer writes the SQL of one query.
type writer struct {
	q      *plan.Query
	tables func(plan.Collection) Table
	local  string  // the name of a time zone
	prefix *string // prefix of the only source's columns; nil: each source has its own

	nearest  bool              // distances are columns, which tandem_nearest has
	searches map[*plan.In]bool // conditions that search the items of a parameter; the query uses their truth alone

	b        strings.Builder
	bindings []Binding
	numbers  map[Binding]int
	columns  []Form
}

// put writes parts of SQL: text, and expressions through functions. Beyond MaxText it writes
// nothing.
func (w *writer) put(parts ...any) {
	for _, part := range parts {
		if w.b.Len() > MaxText {
			return
		}
		switch part := part.(type) {
		case string:
			w.b.WriteString(part)
		case int:
			w.b.WriteString(strconv.Itoa(part))
		case func():
			part()
		}
	}
}

// commas writes n parts with commas between them.
func (w *writer) commas(n int, part func(i int)) {
	for i := range n {
		if i > 0 {
			w.put(", ")
		}
		part(i)
	}
}

// bind writes a parameter.
func (w *writer) bind(b Binding) {
	n, known := w.numbers[b]
	if !known {
		if w.numbers == nil {
			w.numbers = map[Binding]int{}
		}
		w.bindings = append(w.bindings, b)
		n = len(w.bindings)
		w.numbers[b] = n
	}
	w.put("?", n)
}

func (w *writer) statement() {
	q := w.q
	if w.counted() {
		return
	}
	w.selected()
	w.from()
	w.list(" GROUP BY ", q.GroupBy, func(x plan.Expr) { w.ordered(x) })
	if q.Having != nil {
		w.put(" HAVING ", func() { w.key(q.Having) })
	}
	w.ending()
}

// selected writes the result columns.
func (w *writer) selected() {
	w.put("SELECT ")
	if w.q.Distinct {
		w.put("DISTINCT ")
	}
	w.commas(len(w.q.Columns), func(i int) { w.column(w.q.Columns[i].X) })
}

// ending writes what follows the conditions and groups.
func (w *writer) ending() {
	w.orderBy()
	if (w.q.Limit != nil || w.q.Offset != nil) && !w.best() {
		w.limits()
	}
}

func (w *writer) limits() {
	w.put(" LIMIT ")
	w.bind(Binding{Kind: Limit})
	w.put(" OFFSET ")
	w.bind(Binding{Kind: Offset})
}

// counted reports whether the query only counts a whole collection, or what a full-text search finds, and then writes it
// without reading documents.
func (w *writer) counted() bool {
	q := w.q
	if len(q.Columns) != 1 || len(q.Sources) != 1 || len(q.Nearest) > 0 || q.GroupBy != nil || q.Having != nil ||
		q.Limit != nil || q.Offset != nil || q.OrderBy != nil || q.Distinct || q.Sources[0].Tombstones {
		return false
	}
	a, ok := q.Columns[0].X.(*plan.Aggregate)
	if !ok || a.Function != "count" || a.X != nil {
		return false
	}
	t := w.tables(q.Sources[0].Collection)
	if _, found := q.Where.(*plan.Match); found {
		w.foundCounted(t)
		return true
	}
	if t.Live == "" || q.Where != nil {
		return false
	}
	w.columns = []Form{Full}
	w.put("SELECT (", t.Live, ") - (SELECT count(*) FROM ", t.Name, " WHERE ")
	w.expired()
	w.put(" AND flags & 1 = 0)")
	return true
}

// expired writes the condition that a document has expired, whose columns need no prefix.
func (w *writer) expired() {
	w.put("expiry IS NOT NULL AND expiry <= ")
	w.bind(Binding{Kind: Now})
}

func (w *writer) list(before string, list []plan.Expr, each func(plan.Expr)) {
	if len(list) > 0 {
		w.put(before)
		w.commas(len(list), func(i int) { each(list[i]) })
	}
}

func (w *writer) orderBy() {
	if len(w.q.OrderBy) == 0 {
		return
	}
	w.put(" ORDER BY ")
	w.commas(len(w.q.OrderBy), func(i int) {
		o := w.q.OrderBy[i]
		if o.Nulls != syntax.NullsOrdered {
			x, _ := plan.Uncollated(o.X)
			w.put("ifnull(", func() { w.key(x) }, " = x'', 1)")
			if o.Nulls == syntax.NullsFirst {
				w.put(" DESC")
			}
			w.put(", ")
		}
		w.ordered(o.X)
		if o.Desc {
			w.put(" DESC")
		}
	})
}

// ordered writes a term of ORDER BY, GROUP BY or an index, with its collation.
func (w *writer) ordered(x plan.Expr) {
	x, c := plan.Uncollated(x)
	if m, ok := x.(*plan.Meta); ok && (m.Field == plan.MetaID || m.Field == plan.MetaSequence) {
		w.put(w.table(m.Source), metaColumns[m.Field])
	} else if isLiteral(x) {
		w.put("'constant'") // an integer would mean the number of a column
	} else {
		w.key(x)
	}
	w.collate(c)
}

// collate writes the collation of the preceding expression, unless it is SQL's default, the order
// of bytes.
func (w *writer) collate(c collation.Collation) {
	if name := c.Name(); name != "BINARY" {
		w.put(" COLLATE ", identifier(name))
	}
}

// isLiteral reports whether x is a literal, possibly with signs before it.
func isLiteral(x plan.Expr) bool {
	if u, ok := x.(*plan.Unary); ok {
		return isLiteral(u.X)
	}
	_, ok := x.(*plan.Literal)
	return ok
}

// column writes a result column, in the form that loses the least information.
func (w *writer) column(x plan.Expr) {
	form := Full
	switch in := x.(type) {
	case *plan.Property:
		if !w.q.Distinct && !(w.q.Grouped && w.isItem(in)) {
			form = Written
		}
	default:
		if plan.GivesTruth(in) {
			form = Truth
		}
	}
	w.columns = append(w.columns, form)
	switch form {
	case Written:
		w.written(x.(*plan.Property))
	case Truth:
		w.key(x)
	default:
		w.full(x)
	}
	_, c := plan.Uncollated(x)
	w.collate(c)
}

// from writes the sources and the condition.
func (w *writer) from() {
	w.put(" FROM ")
	for i, s := range w.q.Sources {
		switch {
		case s.Kind == syntax.Unnest:
			w.put(" JOIN ", func() { w.items(s.Items) }, " AS d", i)
			continue
		case i == 0:
			w.found()
			w.put(w.tables(s.Collection).Name, " AS d0", w.hint(s))
			continue
		case s.Kind == syntax.Left:
			w.put(" LEFT")
		}
		w.put(" JOIN ", w.tables(s.Collection).Name, " AS d", i, w.hint(s), " ON ", func() { w.present(i) })
		if s.On != nil {
			w.put(" AND ", func() { w.key(s.On) })
		}
	}
	w.ranks()
	w.vectors()
	w.put(" WHERE ", func() { w.present(0) })
	if w.q.Where != nil {
		w.put(" AND ", w.condition)
	}
	w.throughArrays()
}

func (w *writer) hint(s plan.Source) string {
	if w.tables(s.Collection).NotIndexed {
		return " NOT INDEXED"
	}
	return ""
}

// present writes the condition that a document of a source exists.
func (w *writer) present(source int) {
	if !w.q.Sources[source].Tombstones {
		w.put("d", source, ".flags & 1 = 0 AND ")
	}
	w.put("(d", source, ".expiry IS NULL OR d", source, ".expiry > ")
	w.bind(Binding{Kind: Now})
	w.put(")")
}

// identifier quotes a name.
func identifier(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }
