package tandem

import (
	"bytes"
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
)

// Result is one row of a query. A column may be missing, like a property that a document lacks.
// Missing differs from null.
type Result struct {
	columns []string
	values  [][]byte // JSON; nil is missing
}

// Keys returns the names of all columns, including missing columns.
func (r *Result) Keys() []string { return slices.Clone(r.columns) }

// Value returns the value of a column by its name. It reports false if the column does not exist or
// is missing. Numbers are [json.Number], arrays []any and objects map[string]any.
func (r *Result) Value(name string) (any, bool) {
	i := slices.Index(r.columns, name)
	if i < 0 || r.values[i] == nil {
		return nil, false
	}
	return r.ValueAt(i), true
}

// ValueAt returns the value of a column by its position, from 0. The value is nil if the column is
// missing or null. ValueAt panics if the position is out of range.
func (r *Result) ValueAt(i int) any {
	var v any
	if r.values[i] == nil || decode(r.values[i], &v) != nil {
		return nil
	}
	return v
}

// JSONAt returns the JSON of a column by its position, from 0. The JSON is nil if the column is
// missing. JSONAt panics if the position is out of range.
func (r *Result) JSONAt(i int) []byte { return bytes.Clone(r.values[i]) }

// JSON returns the row as an object, without the columns that are missing.
func (r *Result) JSON() []byte {
	text := []byte{'{'}
	for i, v := range r.values {
		if v == nil {
			continue
		}
		if len(text) > 1 {
			text = append(text, ',')
		}
		key, _ := encode(r.columns[i]) // a string always has a JSON form
		text = append(append(append(text, key...), ':'), v...)
	}
	return append(text, '}')
}

// Decode stores the row in the value that v points to, as [json.Unmarshal] stores an object whose
// members are the columns. Decode fails with [ErrInvalid] if the row does not fit the value.
func (r *Result) Decode(v any) error {
	if err := decode(r.JSON(), v); err != nil {
		return fault.About(err, "decode result", "")
	}
	return nil
}
