package queries_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/query/eval"
	"github.com/tandemdb/tandem/internal/query/function"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/querytest"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
)

// jsonValues is what documents, literals and parameters of random queries have.
var jsonValues = []string{
	"null", "true", "false", "0", "1", "2", "-1", "2.0", "0.5", "9007199254740993", "9223372036854775807",
	"-9223372036854775808", "18446744073709551615", "1e308", `""`, `"a"`, `"A"`, `"b"`, `"é"`, `"10"`, `"2.5x"`, `"  7 "`,
	`"2024-02-29T12:00:00Z"`, `"day"`, "[]", "[1,2]", "[2.0,1]", `["a",null,true,[1]]`, "{}", `{"x":1}`, `{"y":[1,{"x":2}],"x":"a"}`,
}

type drawer struct {
	*rapid.T
	aliases []string // of sources
	items   []string // names of items: of UNNEST and of ANY
}

func (d *drawer) pick(of ...string) string { return rapid.SampledFrom(of).Draw(d.T, "") }

// expr draws the text of an expression.
func (d drawer) expr(depth int) string {
	if depth == 0 {
		return d.leaf()
	}
	x := func() string { return d.expr(depth - 1) }
	switch rapid.IntRange(0, 15).Draw(d.T, "kind") {
	case 0, 1:
		return d.leaf()
	case 2:
		return "(" + x() + " " + d.pick("+", "-", "*", "/", "%", "||") + " " + x() + ")"
	case 3, 4:
		return "(" + x() + " " + d.pick("=", "!=", "<", "<=", ">", ">=", "IS", "IS NOT") + " " + x() + ")"
	case 5:
		return "((" + x() + " " + d.pick("=", "<", ">=", "LIKE") + " " + x() + ") COLLATE " + d.pick("NOCASE", "UNICODE", "(UNICODE NOCASE)", "(UNICODE NODIAC)") + ")"
	case 6:
		return "(" + x() + " " + d.pick("AND", "OR") + " " + x() + ")"
	case 7:
		return "(" + d.pick("NOT", "-") + " (" + x() + "))"
	case 8:
		return "(" + x() + " " + d.pick("IS", "IS NOT") + " " + d.pick("NULL", "MISSING", "VALUED") + ")"
	case 9:
		return "(" + x() + " " + d.pick("IN", "NOT IN") + " " + d.pick("["+x()+", "+x()+"]", "()", "$p", "("+x()+")") + ")"
	case 10:
		return "(" + x() + d.pick(" LIKE ", " NOT LIKE ") + d.pick("'%'", "'a%'", "'_'", "'1%'", x()) + ")"
	case 11:
		return "(" + x() + d.pick(" BETWEEN ", " NOT BETWEEN ") + x() + " AND " + x() + ")"
	case 12:
		return "CASE " + d.pick("", x()) + " WHEN " + x() + " THEN " + x() + d.pick("", " ELSE "+x()) + " END"
	case 13:
		in := d
		in.items = append(slices.Clone(d.items), fmt.Sprintf("v%d", len(d.items)))
		v := in.items[len(in.items)-1]
		return "(" + d.pick("ANY", "EVERY", "ANY AND EVERY") + " " + v + " IN " + x() + " SATISFIES " + d.pick(v+" = "+x(), in.expr(depth-1)) + " END)"
	case 14:
		return d.pick("["+x()+", "+x()+"]", "{'x': "+x()+"}")
	}
	return d.call(x)
}

func (d drawer) call(x func() string) string {
	functions := function.All()
	f := rapid.SampledFrom(functions).Draw(d.T, "function")
	if strings.HasPrefix(f.Name, "regexp") {
		return f.Name + "(" + x() + ", " + d.pick("'a'", "'^.'") + strings.Repeat(", 'b'", f.Least-2) + ")"
	}
	args := make([]string, rapid.IntRange(f.Least, min(f.Most, f.Least+1)).Draw(d.T, "arguments"))
	for i := range args {
		args[i] = x()
	}
	return f.Name + "(" + strings.Join(args, ", ") + ")"
}

func (d drawer) leaf() string {
	switch rapid.IntRange(0, 5).Draw(d.T, "leaf") {
	case 0:
		return strings.ReplaceAll(d.pick(jsonValues[:22]...), `"`, "'")
	case 1:
		return d.pick("MISSING", "$p", "$p.x", "{'x': 1}", "[1,2]")
	case 2:
		a := d.pick(d.aliases...)
		return d.pick("META("+a+").id", "META("+a+").sequence", "META("+a+").deleted", "META("+a+").expiration")
	case 3:
		if len(d.items) > 0 {
			return d.pick(d.items...) + d.pick("", ".x")
		}
	}
	return d.pick(d.aliases...) + d.pick(".a", ".b", ".c", ".a.x", ".b[0]", ".c[-1]", ".a.y[1].x", "")
}

// query draws the text of a query without an order, and whether it has groups.
func query(t *rapid.T) string {
	d := drawer{T: t, aliases: []string{"d"}}
	from := "docs AS d"
	switch rapid.IntRange(0, 4).Draw(t, "from") {
	case 0:
		from += " UNNEST d.a AS u"
		d.items = []string{"u"}
	case 1:
		d.aliases = append(d.aliases, "e")
		from += d.pick(" JOIN", " LEFT JOIN") + " docs AS e ON " + d.expr(1)
	case 2:
		d.aliases = append(d.aliases, "e")
		from += d.pick(" JOIN", " LEFT JOIN") + " docs AS e ON META(e).id = " + d.expr(1)
	}
	where := d.pick("", " WHERE "+d.expr(2))
	if rapid.IntRange(0, 3).Draw(t, "grouped") == 0 {
		key := d.pick("d.a", "d.b.x", "ifmissing(MISSING, "+d.expr(2)+")") // an integer would be a column
		return "SELECT count(*) AS n, sum(" + d.expr(1) + ") AS s, count(" + d.pick("", "DISTINCT ") + d.expr(1) + ") AS c, avg(" + d.expr(1) +
			") AS a, type(max(" + d.expr(1) + ")) AS m FROM " + from + where + " GROUP BY " + key + d.pick("", " HAVING count(*) > 1")
	}
	return "SELECT " + d.pick("", "DISTINCT ") + d.expr(3) + " AS r, " + d.expr(2) + " AS s FROM " + from + where
}

func documents(t *rapid.T) []querytest.Document {
	docs := make([]querytest.Document, rapid.IntRange(0, 6).Draw(t, "documents"))
	for i := range docs {
		members := []string{}
		for _, key := range []string{"a", "b", "c"} {
			if rapid.IntRange(0, 4).Draw(t, "absent") > 0 {
				members = append(members, `"`+key+`":`+rapid.SampledFrom(jsonValues).Draw(t, key))
			}
		}
		docs[i] = querytest.Document{
			ID: []string{"a", "10", "x", "é", "2.5x", "A"}[i], Sequence: int64(i + 1), Body: []byte("{" + strings.Join(members, ",") + "}"),
			Deleted: rapid.IntRange(0, 5).Draw(t, "deleted") == 0,
		}
		if rapid.Bool().Draw(t, "expires") {
			docs[i].Expiration = 4102444800000
		}
	}
	return docs
}

// The translation and the evaluator are two programs for one language.
func TestTheTranslationAgreesWithTheEvaluator(t *testing.T) {
	t.Parallel()
	db := open(t, querytest.Data{})
	rapid.Check(t, func(rt *rapid.T) {
		docs := documents(rt)
		db.data = querytest.Data{"_default.docs": docs}
		must(t, db.conn.Exec(`DROP TABLE IF EXISTS docs_1`))
		clear(db.tables)
		db.load(t, "_default.docs", docs)
		for range 8 {
			text := query(rt)
			params := map[string]value.Value{}
			if strings.Contains(text, "$p") {
				params["p"] = value.FromJSON([]byte(rapid.SampledFrom(jsonValues).Draw(rt, "p")))
			}
			agree(rt, db, text, params)
		}
	})
}

func agree(t *rapid.T, db *database, text string, params map[string]value.Value) {
	s, err := syntax.Parse(text)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	q, err := plan.Of(s, db.data)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	got, gotErr := db.rows(q, params, time.UTC)
	want, wantErr := eval.Run(q, eval.Input{Documents: db.data.Documents(), Params: params, Location: time.UTC})
	if (gotErr != nil) != (wantErr != nil) {
		t.Fatalf("%s\n$p = %s\nthe translation gives %v\nthe evaluator gives %v", text, show([]value.Value{params["p"]}), gotErr, wantErr)
	}
	if gotErr != nil {
		return
	}
	left := slices.Clone(got)
	for _, row := range want {
		i := slices.IndexFunc(left, func(other []value.Value) bool { return slices.EqualFunc(row, other, alike) })
		if i < 0 {
			t.Fatalf("%s\n$p = %s\nthe translation gives %s\nthe evaluator gives %s", text, show([]value.Value{params["p"]}), show(got...), show(want...))
		}
		left = slices.Delete(left, i, i+1)
	}
	if len(left) > 0 {
		t.Fatalf("%s\n$p = %s\nthe translation gives %s\nthe evaluator gives %s", text, show([]value.Value{params["p"]}), show(got...), show(want...))
	}
}

func show(rows ...[]value.Value) string {
	var b strings.Builder
	for _, row := range rows {
		for _, v := range row {
			if v.IsMissing() {
				b.WriteString("missing ")
				continue
			}
			b.WriteString(string(v.AppendJSON(nil)) + " ")
		}
		b.WriteString("; ")
	}
	return b.String()
}

// alike compares values, doubles within what the order of additions changes.
func alike(a, b value.Value) bool {
	if a.IsNumber() && b.IsNumber() {
		x, y := a.Float(), b.Float()
		return x == y || math.Abs(x-y) <= 1e-9*max(math.Abs(x), math.Abs(y))
	}
	return a.Kind() == b.Kind() && value.Compare(a, b) == 0
}
