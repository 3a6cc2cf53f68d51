package querytest

import (
	_ "embed"
	"encoding/json"
	"maps"
	"strconv"
	"strings"
	"testing"
)

//go:embed testdata/differences.jsonl
var differences string

// difference describes a vector for which Tandem's result differs on purpose.
type difference struct {
	Name    string
	Why     string
	Error   bool                                  // the query fails
	Columns []string                              // nil: unchanged
	Rows    []map[string]json.RawMessage          // nil: unchanged except for Patch
	Patch   map[string]map[string]json.RawMessage // values of columns by the row's column "id" or "n", or by #0 for the first
}

func differ(t testing.TB, v Vector) Vector {
	t.Helper()
	for line := range strings.Lines(differences) {
		var d difference
		decode(t, []byte(line), &d)
		if d.Name == v.Name {
			return d.applied(v)
		}
	}
	return v
}

func (d difference) applied(v Vector) Vector {
	v.Differs, v.Crash = d.Why, false
	if d.Error {
		v.Error = &struct {
			Domain string
			Code   int
			Pos    *int
		}{}
		return v
	}
	v.Error = nil
	if d.Columns != nil {
		v.Columns = d.Columns
	}
	if d.Rows != nil {
		v.Rows = d.Rows
	}
	for i, row := range v.Rows {
		for _, key := range []string{strings.Trim(string(row["id"]), `"`), string(row["n"]), "#" + strconv.Itoa(i)} {
			if patch, ok := d.Patch[key]; ok {
				maps.Copy(row, patch)
			}
		}
	}
	return v
}
