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
	"github.com/tandemdb/tandem/internal/query/sql"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/testsize"
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
	where := d.pick("", " WHERE "+d.expr(2), " WHERE "+d.expr(1)+" IN $p"+d.pick("", " AND "+d.expr(1)))
	if rapid.IntRange(0, 3).Draw(t, "grouped") == 0 {
		key := d.pick("d.a", "d.b.x", "ifmissing(MISSING, "+d.expr(2)+")") // an integer would be a column
		// Which of the equal values that are a group's key the query gives is not said: 2 or 2.0, true or 1.
		return "SELECT count(*) AS n, sum(" + d.expr(1) + ") AS s, count(" + d.pick("", "", "DISTINCT ") + d.expr(1) + ") AS c, avg(" + d.expr(1) +
			") AS a, type(max(" + d.expr(1) + ")) AS m, min((" + d.expr(1) + ") + 0) AS l, array_length(array_agg(" + d.expr(1) + ")) AS g, " +
			key + " + 0 AS k, " + key + " IS NULL AS z, " + key + " < 'b' AS y FROM " + from + where +
			" GROUP BY " + key + d.pick("", ", "+d.leaf()+" || ''") + d.pick("", " HAVING count(*) > 1", " HAVING "+key+" IS VALUED")
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
	testsize.Check(t, func(rt *rapid.T) {
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

func agree(t rapid.TB, db *database, text string, params map[string]value.Value) {
	s, err := syntax.Parse(text)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	q, err := plan.Of(s, db.data)
	if err != nil {
		t.Fatalf("%s\n%v", text, err)
	}
	for _, db.sorting = range []bool{false, true} {
		if q.GroupBy != nil || !db.sorting {
			agreeOn(t, db, text, q, params)
		}
	}
}

func agreeOn(t rapid.TB, db *database, text string, q *plan.Query, params map[string]value.Value) {
	got, gotErr := db.rows(q, params, time.UTC)
	want, wantErr := eval.Run(q, eval.Input{Documents: db.data.Documents(), Params: params, Location: time.UTC})
	// SQLite may add up groups that HAVING leaves out, and so meet an overflow there; the evaluator does not.
	if q.Having != nil && wantErr == nil && gotErr != nil && strings.Contains(gotErr.Error(), "overflow") {
		return
	}
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

// arrayIndexes are those that random queries may find.
var arrayIndexes = []struct{ path, expressions, where string }{
	{"a", "", ""},
	{"a", "x", ""},
	{"b", "x, y", ""},
	{"a.y", "", ""},
	{"b[].y", "x COLLATE NOCASE", ""},
	{"a[].y", "", ""},
	{"c", "type(x), x", ""},
	{"c", "", "c IS VALUED"},
}

// index creates some array indexes on the only table, and lets the documents that are there enter them.
func (db *database) index(t testing.TB, some *rapid.T) {
	t.Helper()
	for n, text := range rapid.Permutation(arrayIndexes).Draw(some, "indexes")[:3] {
		path, err := syntax.ParseArrayPath(text.path)
		must(t, err)
		x := sql.ArrayIndex{Table: fmt.Sprintf("items_%d", n), Docs: "docs_1", Path: path, Terms: []plan.Expr{&plan.Property{}}}
		if text.expressions != "" {
			list, err := syntax.ParseExpressions(text.expressions)
			must(t, err)
			x.Terms, err = plan.ItemExpressions(list)
			must(t, err)
		}
		if text.where != "" {
			list, err := syntax.ParseExpressions(text.where)
			must(t, err)
			bound, err := plan.Expressions(list)
			must(t, err)
			x.Where = bound[0]
		}
		must(t, db.conn.Exec(x.Drop()+x.Create()))
		s, _, err := db.conn.Prepare(x.Fill())
		must(t, err)
		must(t, s.BindInt64(2, 1<<40))
		must(t, s.BindInt64(1, 0))
		must(t, s.Exec())
		must(t, s.Close())
		db.arrays = append(db.arrays, x)
	}
}

// itemCondition draws a condition on the items of an array that an index may serve.
func (d drawer) itemCondition(item string) string {
	constant := func() string {
		return d.pick("$p", "'a'", "1", "2.0", "NULL", "MISSING", "TRUE", "[1,2]", "{'x': 1}", "upper('a')", "abs(-1)")
	}
	x := item + d.pick("", "", ".x", ".y", ".x.y")
	switch rapid.IntRange(0, 5).Draw(d.T, "condition") {
	case 0:
		return "(" + x + " BETWEEN " + constant() + " AND " + constant() + ")"
	case 1:
		return "(" + x + " IN (" + constant() + ", " + constant() + "))"
	case 2:
		return "(" + constant() + d.pick(" = ", " < ", " >= ", " IS ") + x + ")"
	case 3:
		return "((" + x + d.pick(" = ", " > ") + "'A') COLLATE NOCASE)"
	case 4:
		return "(type(" + x + ") = 'number' AND " + x + d.pick(" = ", " > ", " IS ") + constant() + ")"
	}
	return "(" + x + d.pick(" = ", " < ", " <= ", " > ", " >= ", " IS ") + constant() + ")"
}

// throughArrays draws a query over the items of arrays.
func throughArrays(t *rapid.T) string {
	d := drawer{T: t, aliases: []string{"d"}}
	array := d.pick("d.a", "d.b", "d.c", "d.a.y")
	from, where := "docs AS d", d.pick("", "", " AND d.c IS VALUED")
	switch rapid.IntRange(0, 6).Draw(t, "query") {
	case 0:
		from += " UNNEST " + array + " AS u"
		where = d.itemCondition("u") + where
	case 1:
		from += " UNNEST " + array + " AS u UNNEST u.y AS v"
		where = d.itemCondition("v") + d.pick("", " AND "+d.itemCondition("u")) + where
	case 2:
		from += d.pick(" LEFT JOIN ", " JOIN ") + "docs AS e ON META(e).id = d.a.x UNNEST " + d.pick("e.a", "d.a") + " AS u"
		where = d.itemCondition("u") + where
	case 3:
		where = d.pick("ANY", "ANY AND EVERY", "EVERY") + " v IN " + array + " SATISFIES " + d.itemCondition("v") + " END" + where
	case 4:
		where = "ANY v IN " + array + " SATISFIES ANY w IN v.y SATISFIES " + d.itemCondition("w") + " END AND " + d.itemCondition("v") + " END" + where
	case 5:
		where = "(" + d.pick("$p", "'a'", "2", "{'x': 1}", "NULL") + d.pick(" IN ", " NOT IN ") + array + ")" + where
	default:
		where = "array_contains(" + array + ", " + d.pick("$p", "'a'", "2", "TRUE", "[1,2]", "NULL") + ")" + where
	}
	return "SELECT META(d).id AS id, d.a AS a FROM " + from + " WHERE " + where
}

// Indexes of arrays follow their documents, and change how queries are run, not what they give.
func TestTheTranslationAgreesWithTheEvaluatorThroughArrayIndexes(t *testing.T) {
	t.Parallel()
	db := open(t, querytest.Data{})
	used := 0
	testsize.Check(t, func(rt *rapid.T) {
		docs := documents(rt)
		for i := range docs {
			docs[i].Body = []byte(strings.ReplaceAll(string(docs[i].Body), `[2.0,1]`, `[{"x":"A","y":["a",2]},{"y":[{"x":"a"},1]},2,"a"]`))
		}
		must(t, db.conn.Exec(`DROP TABLE IF EXISTS docs_1`))
		clear(db.tables)
		db.arrays = nil
		before := rapid.IntRange(0, len(docs)).Draw(rt, "documents before the indexes")
		db.load(t, "_default.docs", docs[:before])
		db.index(t, rt)
		must(t, db.conn.Exec(`DELETE FROM docs_1 WHERE seq % 2 = 0`))
		db.insert(t, "docs_1", docs)
		for i := range docs {
			next := &docs[rapid.IntRange(0, len(docs)-1).Draw(rt, "like")]
			docs[i].Body, docs[i].Deleted = next.Body, next.Deleted
			docs[i].Sequence += 100
			must(t, db.update("docs_1", docs[i]))
		}
		db.data = querytest.Data{"_default.docs": docs}
		db.checkArrays(rt)
		for range 8 {
			text := throughArrays(rt)
			params := map[string]value.Value{}
			if strings.Contains(text, "$p") {
				params["p"] = value.FromJSON([]byte(rapid.SampledFrom(jsonValues).Draw(rt, "p")))
			}
			db.through = 0
			agree(rt, db, text, params)
			used += db.through
		}
	})
	if used == 0 {
		t.Error("no query has used an index")
	}
}

// A write that leaves the items of a document the same leaves their entries alone.
func TestEntriesThatStayAreNotWrittenAgain(t *testing.T) {
	t.Parallel()
	db := open(t, querytest.Data{})
	db.load(t, "_default.docs", nil)
	x := sql.ArrayIndex{Table: "items_1", Docs: "docs_1", Path: []value.Path{{value.Key("tags")}}, Terms: []plan.Expr{&plan.Property{}}}
	must(t, db.conn.Exec(x.Create()))
	db.insert(t, "docs_1", []querytest.Document{{ID: "a", Sequence: 1, Body: []byte(`{"tags":["x","y","z"]}`)}})
	for n, tt := range []struct {
		body string
		want int64 // rows that are written, the document's among them
	}{
		{`{"tags":["x","y","z"]}`, 1},
		{`{"n":1,"tags":["z","y","x","x"]}`, 1},
		{`{"tags":["x","y","w"]}`, 3},
		{`{"tags":[]}`, 4},
	} {
		before := db.conn.TotalChanges()
		must(t, db.update("docs_1", querytest.Document{ID: "a", Sequence: int64(n + 2), Body: []byte(tt.body)}))
		if got := db.conn.TotalChanges() - before; got != tt.want {
			t.Errorf("%s: got %d rows written, want %d", tt.body, got, tt.want)
		}
	}
}
