package querytest

import (
	_ "embed"
	"encoding/json"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/query/value"
)

//go:embed testdata/statements.txt
var statements string

// Statements returns queries over the documents of [People], with the rows that they have by the description of the language.
func Statements(t testing.TB) (all []Vector) {
	t.Helper()
	for text, want := range arrows(t, "statements.txt", statements) {
		v := Vector{Name: text, Query: text, Ordered: strings.Contains(strings.ToUpper(text), "ORDER BY")}
		if want == "ERROR" {
			v = difference{Error: true}.applied(v)
		} else {
			decode(t, []byte(want), &v.Rows)
		}
		for name, param := range map[string]string{"two": "2", "city": `"c1"`, "ids": `["p4","p1","c1",7]`} {
			if strings.Contains(v.Query, "$"+name) {
				v.Params = map[string]json.RawMessage{name: json.RawMessage(param)}
			}
		}
		all = append(all, v)
	}
	return all
}

// CheckRows is [Vector.Check] without the names of columns that no row has.
func (v Vector) CheckRows(columns []string, rows [][]value.Value, err error) string {
	v.Columns = columns
	if err == nil && v.Error == nil {
		known := map[string]bool{}
		for _, name := range columns {
			known[name] = true
		}
		for _, row := range v.Rows {
			for name := range row {
				if !known[name] {
					return "there is no column " + name + " among " + strings.Join(columns, ", ")
				}
			}
		}
	}
	return v.Check(columns, rows, err)
}

// People has the documents of the statements.
func People() Data {
	return Data{
		"_default.people": {
			{ID: "p1", Sequence: 1, Body: []byte(`{"name":"Ann","age":30,"city":"c1","tags":["a","b"],"kids":[{"n":"x","a":3},{"n":"y","a":5}]}`)},
			{ID: "p2", Sequence: 2, Body: []byte(`{"name":"bob","age":25.0,"city":"c2","tags":["b"]}`)},
			{ID: "p3", Sequence: 3, Body: []byte(`{"name":"Cyd","age":30.0,"city":"c1","tags":[]}`)},
			{ID: "p4", Sequence: 4, Body: []byte(`{"name":"dee","age":null,"city":null,"tags":null}`)},
			{ID: "p5", Sequence: 5, Body: []byte(`{"name":"Eve","city":"c9","tags":"b"}`)},
			{ID: "p6", Sequence: 6, Body: []byte(`{"name":"äda","age":"30","tags":{"k":"b","l":"z"}}`)},
			{ID: "p7", Sequence: 7, Body: []byte(`{"age":true,"city":"c2","tags":[["b"],null,1]}`)},
			{ID: "p8", Sequence: 9, Deleted: true, Body: []byte(`{"name":"gone"}`)},
			{ID: "p9", Sequence: 8, Body: []byte(`{"name":"ann","age":[1],"city":"c2"}`)},
		},
		"_default.cities": {
			{ID: "c1", Sequence: 1, Body: []byte(`{"name":"Rome","pop":3,"country":"it"}`)},
			{ID: "c2", Sequence: 2, Body: []byte(`{"name":"Oslo","pop":1,"country":"no"}`)},
			{ID: "c3", Sequence: 3, Body: []byte(`{"name":"Bern","country":"ch"}`)},
		},
	}
}
