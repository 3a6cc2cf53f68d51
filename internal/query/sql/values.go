package sql

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/value"
)

// full writes an expression in the full form.
func (w *writer) full(x plan.Expr) {
	switch x := x.(type) {
	case *plan.Literal:
		w.put(literal(x.Value))
	case *plan.Param:
		w.bind(Binding{Param: x.Name, Form: Full})
	case *plan.Property:
		w.property(x, "tandem_get", ".value")
	case *plan.Variable:
		w.variable(x, "tandem_get", ".value")
	case *plan.Meta:
		w.meta(x, true)
	case *plan.Part:
		w.put("tandem_part(", func() { w.full(x.X) }, ", ", quoted(x.Path.String()), ")")
	case *plan.Grouped:
		w.put("g.c", x.Index)
	case *plan.Collated:
		w.full(x.X)
	case *plan.Case:
		w.caseOf(x, w.full)
	case *plan.Call:
		w.call(x)
	case *plan.Aggregate:
		w.aggregate(x)
	case *plan.Items:
		w.array(x.Items)
	case *plan.Members:
		w.object(x)
	default:
		w.key(x) // operators return no booleans
	}
}

// key writes an expression in the key form.
func (w *writer) key(x plan.Expr) {
	switch x := x.(type) {
	case *plan.Literal:
		w.put(literal(x.Value.Untagged()))
	case *plan.Param:
		w.bind(Binding{Param: x.Name, Form: Key})
	case *plan.Property:
		w.property(x, "tandem_key", ".key")
	case *plan.Variable:
		w.variable(x, "tandem_key", ".key")
	case *plan.Meta:
		w.meta(x, false)
	case *plan.Part:
		w.put("tandem_part_key(", func() { w.full(x.X) }, ", ", quoted(x.Path.String()), ")")
	case *plan.Grouped:
		if x.Tagged {
			w.put("tandem_untag(g.c", x.Index, ")")
			return
		}
		w.full(x)
	case *plan.Collated:
		w.key(x.X)
	case *plan.Case:
		w.caseOf(x, w.key)
	case *plan.Call:
		if x.Function.Boolean || x.Function.Passes {
			w.put("tandem_untag(", func() { w.call(x) }, ")")
			return
		}
		w.call(x)
	case *plan.Aggregate:
		if x.Function == "min" || x.Function == "max" {
			w.put("tandem_untag(", func() { w.aggregate(x) }, ")")
			return
		}
		w.aggregate(x)
	case *plan.Items, *plan.Members:
		w.full(x)
	default:
		w.operator(x)
	}
}

// table returns the prefix of a source's columns.
func (w *writer) table(source int) string {
	if w.prefix != nil {
		return *w.prefix
	}
	return "d" + strconv.Itoa(source) + "."
}

// text writes the JSON text of a source's properties. A tombstone has none.
func (w *writer) text(source int) string {
	s := w.q.Sources[source]
	switch {
	case s.Items != nil:
		return w.table(source) + "text"
	case s.Tombstones:
		return "iif(" + w.table(source) + "flags & 1, '{}', " + w.table(source) + "body)"
	}
	return w.table(source) + "body"
}

func (w *writer) property(x *plan.Property, function, column string) {
	if w.isItem(x) {
		if column == ".value" && w.q.Grouped { // rows are sorted with fewer columns
			w.put("ifnull(", w.table(x.Source), "tag, ", w.table(x.Source), "key)")
			return
		}
		w.put(w.table(x.Source), strings.TrimPrefix(column, "."))
		return
	}
	w.put(function, "(", w.text(x.Source), ", ", quoted(x.Path.String()), ")")
}

// isItem reports whether x is an item of an UNNEST as a whole.
func (w *writer) isItem(x *plan.Property) bool {
	return len(x.Path) == 0 && w.q.Sources[x.Source].Items != nil
}

// written writes a property as its JSON text.
func (w *writer) written(x *plan.Property) {
	if len(x.Path) == 0 {
		w.put(w.text(x.Source))
		return
	}
	w.put("tandem_text(", w.text(x.Source), ", ", quoted(x.Path.String()), ")")
}

func (w *writer) variable(x *plan.Variable, function, column string) {
	if len(x.Path) == 0 {
		w.put("v", x.ID, column)
		return
	}
	w.put(function, "(v", x.ID, ".text, ", quoted(x.Path.String()), ")")
}

var metaColumns = map[plan.Field]string{
	plan.MetaID: "id", plan.MetaSequence: "seq", plan.MetaExpiration: "expiry", plan.MetaRevision: "rev",
}

// meta writes a field of META(). A + before a column removes its affinity, which would convert the
// other side of a comparison.
func (w *writer) meta(x *plan.Meta, full bool) {
	t := w.table(x.Source)
	switch x.Field {
	case plan.MetaDeleted:
		if full {
			w.put("CASE ", t, "flags & 1 WHEN 1 THEN x'01' WHEN 0 THEN x'00' END")
			return
		}
		w.put("(", t, "flags & 1)")
	case plan.MetaAll:
		w.put("tandem_meta(", t, "id, ", t, "seq, ", t, "flags & 1, ", t, "expiry, ", t, "rev)")
	default:
		w.put("+", t, metaColumns[x.Field])
	}
}

func (w *writer) caseOf(x *plan.Case, result func(plan.Expr)) {
	w.put("CASE ")
	if x.X != nil {
		w.key(x.X)
	}
	for _, c := range x.Whens {
		w.put(" WHEN ", func() { w.key(c.Cond) }, " THEN ", func() { result(c.Then) })
	}
	w.put(" ELSE ")
	if x.Else == nil {
		w.put("x''")
	} else {
		result(x.Else)
	}
	w.put(" END")
}

func (w *writer) call(x *plan.Call) {
	if n := len(x.Args); n > maxArguments {
		w.nested(x)
		return
	}
	w.put("tandem_f_", x.Function.Name, "(")
	w.commas(len(x.Args), func(i int) { w.full(x.Args[i]) })
	if x.Function.Local {
		w.put(", ", quoted(w.local))
	}
	if x.Function.Collatable {
		w.put(", ", quoted(x.Collation.Name()))
	}
	w.put(")")
}

// maxArguments bounds the arguments of one SQL function call.
const maxArguments = 50

// nested writes a call with more arguments than SQL allows. Every function with many arguments can
// be split, f(a, b, c, d) into f(f(a, b), f(c, d)). The exception is array_of, whose array is joined from
// parts. Halves keep SQL's nesting low.
func (w *writer) nested(x *plan.Call) {
	if x.Function.Name == "array_of" {
		w.array(x.Args)
		return
	}
	half := len(x.Args) / 2
	head, tail, both := *x, *x, *x
	head.Args, tail.Args = x.Args[:half], x.Args[half:]
	both.Args = []plan.Expr{&head, &tail}
	w.full(&both)
}

func (w *writer) array(items []plan.Expr) {
	if half := len(items) / 2; len(items) > maxArguments {
		w.put("tandem_join(", func() { w.array(items[:half]) }, ", ", func() { w.array(items[half:]) }, ")")
		return
	}
	w.put("tandem_array(")
	w.commas(len(items), func(i int) { w.full(items[i]) })
	w.put(")")
}

func (w *writer) object(x *plan.Members) {
	if half := len(x.Keys) / 2; len(x.Keys) > maxArguments {
		head := &plan.Members{Keys: x.Keys[:half], Values: x.Values[:half]}
		tail := &plan.Members{Keys: x.Keys[half:], Values: x.Values[half:]}
		w.put("tandem_join(", func() { w.object(head) }, ", ", func() { w.object(tail) }, ")")
		return
	}
	w.put("tandem_object(")
	w.commas(len(x.Keys), func(i int) { w.put(quoted(x.Keys[i]), ", ", func() { w.full(x.Values[i]) }) })
	w.put(")")
}

func (w *writer) aggregate(x *plan.Aggregate) {
	distinct := ""
	if x.Distinct {
		distinct = "DISTINCT "
	}
	switch {
	case x.X == nil:
		w.put("count(*)")
	case x.Function == "min" || x.Function == "max":
		w.put("tandem_", x.Function, "(", func() { w.full(x.X) }, ", ", quoted(x.Collation.Name()), ")")
	case x.Function == "array_agg":
		w.put("tandem_array_agg(", distinct, func() { w.full(x.X) }, ")")
	default:
		w.put(x.Function, "(", distinct, func() { w.key(x.X) })
		w.collate(x.Collation)
		w.put(")")
	}
}

// literal returns a constant in its full form.
func literal(v value.Value) string {
	switch v.Kind() {
	case value.Missing:
		return "NULL"
	case value.Int:
		return integer(v.Int())
	case value.Double:
		return double(v.Float())
	case value.String:
		return quoted(v.Text())
	}
	return hexBlob(Blob(v))
}

func integer(i int64) string {
	if i == math.MinInt64 {
		return "(-9223372036854775807 - 1)" // -9223372036854775808 would parse as a double
	}
	if i < 0 {
		return "(" + strconv.FormatInt(i, 10) + ")"
	}
	return strconv.FormatInt(i, 10)
}

func double(f float64) string {
	switch {
	case math.IsInf(f, 1):
		return "9e999"
	case math.IsInf(f, -1):
		return "(-9e999)"
	}
	return "(" + value.FormatDouble(f) + ")"
}

func hexBlob(b []byte) string { return "x'" + hex.EncodeToString(b) + "'" }

// quoted returns an SQL string.
func quoted(s string) string {
	if strings.IndexByte(s, 0) >= 0 {
		return "(+CAST(" + hexBlob([]byte(s)) + " AS TEXT))" // SQL text ends at a zero byte
	}
	return "'" + strings.ReplaceAll(s, "'", "''") + "'"
}
