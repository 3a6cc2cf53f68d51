package querytest

import (
	"encoding/json"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/query/value"
)

// Vector is a recorded query with the result of Couchbase Lite, or with Tandem's own result where
// it differs on purpose.
type Vector struct {
	Name    string
	Query   string
	Params  map[string]json.RawMessage
	TZ      string
	Columns []string
	Rows    []map[string]json.RawMessage
	Ordered bool
	Error   *struct {
		Domain string
		Code   int
		Pos    *int
	}
	Crash   bool
	NoCheck bool
	Note    string

	Differs string // why the result differs from Couchbase Lite's, or ""
}

// Parameters returns the values of the parameters.
func (v Vector) Parameters() map[string]value.Value {
	params := map[string]value.Value{}
	for name, text := range v.Params {
		params[name] = value.FromJSON(text)
	}
	return params
}

// Location returns the time zone of the query.
func (v Vector) Location(t testing.TB) *time.Location {
	t.Helper()
	l, err := time.LoadLocation(v.TZ)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// Vectors returns the recorded queries, except those of full-text search.
func Vectors(t testing.TB) []Vector {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder(t, "vectors/query"), "*.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	var all []Vector
	for _, file := range files {
		if slices.Contains([]string{"setup.jsonl", "odd.jsonl", "one.jsonl", "indexes.jsonl", "fts.jsonl"}, filepath.Base(file)) {
			continue
		}
		for line := range lines(t, file) {
			var v Vector
			decode(t, line, &v)
			if strings.Contains(v.Query, "MATCH(") && v.Error == nil {
				continue
			}
			all = append(all, differ(t, v))
		}
	}
	return all
}

// TextVectors returns the recorded queries of full-text search.
func TextVectors(t testing.TB) (all []Vector) {
	t.Helper()
	for line := range lines(t, filepath.Join(folder(t, "vectors/query"), "fts.jsonl")) {
		var v Vector
		decode(t, line, &v)
		all = append(all, differ(t, v))
	}
	return all
}

// Check describes how a result differs from the vector's; it returns "" if it does not. err is the
// query's error.
func (v Vector) Check(columns []string, rows [][]value.Value, err error) string {
	switch {
	case v.Error != nil && err == nil:
		return fmt.Sprintf("got %d rows, want an error", len(rows))
	case v.Error != nil || v.Crash && err != nil:
		return ""
	case err != nil:
		return fmt.Sprintf("got the error %v, want %d rows", err, len(v.Rows))
	case v.Crash || v.NoCheck:
		return ""
	case !slices.Equal(columns, v.Columns):
		return fmt.Sprintf("got columns %q, want %q", columns, v.Columns)
	case len(rows) != len(v.Rows):
		return fmt.Sprintf("got %d rows, want %d\ngot  %s\nwant %s", len(rows), len(v.Rows), show(columns, rows), v.Rows)
	}
	left := slices.Clone(rows)
	for i, want := range v.Rows {
		at := slices.IndexFunc(left, func(row []value.Value) bool { return sameRow(columns, row, want) })
		if at < 0 || v.Ordered && at > 0 && !sameRow(columns, left[0], want) {
			return fmt.Sprintf("row %d:\ngot  %s\nwant %s", i, show(columns, left[:1]), want)
		}
		left = slices.Delete(left, at, at+1)
	}
	return ""
}

func show(columns []string, rows [][]value.Value) string {
	var b strings.Builder
	for _, row := range rows {
		var all []value.Member
		for i, v := range row {
			all = append(all, value.Member{Key: columns[i], Value: v})
		}
		b.WriteString(string(value.OfMembers(all...).AppendJSON(nil)) + " ")
	}
	return b.String()
}

func sameRow(columns []string, row []value.Value, want map[string]json.RawMessage) bool {
	for i, name := range columns {
		text, there := want[name]
		if !there {
			if !row[i].IsMissing() {
				return false
			}
			continue
		}
		if !same(row[i], value.FromJSON(text)) {
			return false
		}
	}
	return true
}

// same compares values by the rules of the vectors: numbers by value, doubles within 1e-12 of each other.
func same(a, b value.Value) bool {
	switch {
	case a.IsNumber() && b.IsNumber():
		if a.Kind() == value.Double || b.Kind() == value.Double {
			x, y := a.Float(), b.Float()
			return x == y || math.Abs(x-y) <= 1e-12*max(math.Abs(x), math.Abs(y))
		}
		return value.Compare(a, b) == 0
	case a.Kind() != b.Kind():
		return false
	case a.IsComposite():
		return sameParts(a, b)
	}
	return value.Compare(a, b) == 0
}

func sameParts(a, b value.Value) bool {
	if a.Kind() == value.Object {
		return slices.EqualFunc(members(a), members(b), func(x, y value.Member) bool {
			return x.Key == y.Key && same(x.Value, y.Value)
		})
	}
	return slices.EqualFunc(slices.Collect(a.Items()), slices.Collect(b.Items()), same)
}

func members(v value.Value) (all []value.Member) {
	for key, v := range v.Members() {
		if key != "revisionID" { // every database has other ones
			all = append(all, value.Member{Key: key, Value: v})
		}
	}
	return all
}
