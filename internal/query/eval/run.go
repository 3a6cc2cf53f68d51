package eval

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
)

// Run returns the rows of a query, each with a value for every column.
func Run(q *plan.Query, in Input) ([][]value.Value, error) {
	e := &evaluator{in: in}
	limit, offset, err := Limits(q, in)
	if err != nil {
		return nil, err
	}
	envs, err := e.rows(q)
	if err != nil {
		return nil, err
	}
	results, err := e.results(q, envs)
	if err != nil {
		return nil, err
	}
	if q.Distinct {
		results = e.distinct(q, results)
	}
	slices.SortStableFunc(results, func(a, b result) int { return e.inOrder(q, a.keys, b.keys) })
	results = results[min(offset, int64(len(results))):]
	if limit >= 0 {
		results = results[:min(limit, int64(len(results)))]
	}
	rows := make([][]value.Value, len(results))
	for i, r := range results {
		rows[i] = r.columns
	}
	return rows, nil
}

// Limits returns the values of LIMIT, -1 if it is missing, and OFFSET. Negative values count as 0.
func Limits(q *plan.Query, in Input) (limit, offset int64, err error) {
	limit = -1
	if q.Limit != nil {
		if limit, err = whole(q.Limit, in, "LIMIT"); err != nil {
			return 0, 0, err
		}
	}
	if q.Offset != nil {
		offset, err = whole(q.Offset, in, "OFFSET")
	}
	return limit, offset, err
}

func whole(x plan.Expr, in Input, clause string) (int64, error) {
	v, err := Constant(x, in.Params, in.Location)
	if err != nil {
		return 0, err
	}
	if v.Kind() == value.String {
		if f, err := strconv.ParseFloat(strings.TrimSpace(v.Text()), 64); err == nil {
			v = value.OfDouble(f)
		}
	}
	if f := v.Float(); v.Kind() == value.Double && f == float64(int64(f)) {
		v = value.OfInt(int64(f))
	}
	if v.Kind() == value.Bool {
		v = v.Untagged()
	}
	if v.Kind() != value.Int {
		return 0, fmt.Errorf("%s needs an integer, and is %s", clause, v.AppendJSON(nil))
	}
	return max(v.Int(), 0), nil
}

// rows joins the sources and keeps the rows that satisfy WHERE, in groups if the query has them.
func (e *evaluator) rows(q *plan.Query) ([]env, error) {
	rows := []row{nil}
	for i := range q.Sources {
		var err error
		if rows, err = e.joined(q, i, rows); err != nil {
			return nil, err
		}
	}
	var envs []env
	for _, r := range rows {
		ok, err := e.holds(q.Where, env{row: r})
		if err != nil {
			return nil, err
		}
		if ok {
			envs = append(envs, env{row: r})
		}
	}
	if !q.Grouped {
		return envs, nil
	}
	return e.groups(q, envs)
}

// holds reports whether a condition is true. A nil condition always is.
func (e *evaluator) holds(cond plan.Expr, at env) (bool, error) {
	if cond == nil {
		return true, nil
	}
	v, err := e.value(cond, at)
	t, known := value.Truth(v)
	return known && t, err
}

// joined adds source number i to rows.
func (e *evaluator) joined(q *plan.Query, i int, rows []row) ([]row, error) {
	src := q.Sources[i]
	var all []row
	for _, r := range rows {
		found, err := e.candidates(src, r)
		if err != nil {
			return nil, err
		}
		some := false
		for _, d := range found {
			next := append(slices.Clone(r), d)
			ok, err := e.holds(src.On, env{row: next})
			if err != nil {
				return nil, err
			}
			if ok {
				all, some = append(all, next), true
			}
		}
		if !some && src.Kind == syntax.Left {
			all = append(all, append(slices.Clone(r), nil))
		}
	}
	return all, nil
}

// candidates returns the documents of a collection, or the items of a property of the row, that may
// be joined to the row.
func (e *evaluator) candidates(src plan.Source, r row) ([]*Document, error) {
	var found []*Document
	if src.Kind == syntax.Unnest {
		array, err := e.value(src.Items, env{row: r})
		for item := range array.Items() {
			found = append(found, &Document{Body: item})
		}
		return found, err
	}
	for _, d := range e.in.Documents(src.Collection) {
		if d.Deleted && !src.Tombstones {
			continue
		}
		if d.Deleted {
			d.Body = value.OfMembers()
		}
		found = append(found, &d)
	}
	return found, nil
}

// groups collects rows with equal values of GROUP BY, and keeps the groups that satisfy HAVING.
func (e *evaluator) groups(q *plan.Query, envs []env) ([]env, error) {
	var groups []env
	var keys [][]value.Value
	if len(q.GroupBy) == 0 {
		groups, keys = []env{{}}, [][]value.Value{nil}
	}
	for _, at := range envs {
		key, err := e.values(q.GroupBy, at)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(keys, func(other []value.Value) bool { return e.sameKeys(q.GroupBy, key, other) })
		if i < 0 {
			i = len(groups)
			groups, keys = append(groups, env{}), append(keys, key)
		}
		g := &groups[i]
		if g.row == nil {
			g.row = at.row
		}
		g.group = append(g.group, at.row)
	}
	var kept []env
	for _, g := range groups {
		ok, err := e.holds(q.Having, g)
		if err != nil {
			return nil, err
		}
		if ok {
			kept = append(kept, g)
		}
	}
	return kept, nil
}

func (e *evaluator) sameKeys(terms []plan.Expr, a, b []value.Value) bool {
	for i, x := range terms {
		if _, c := plan.Uncollated(x); e.compare(a[i], b[i], c) != 0 {
			return false
		}
	}
	return true
}

// result is a row with its sort keys.
type result struct{ columns, keys []value.Value }

func (e *evaluator) results(q *plan.Query, envs []env) ([]result, error) {
	results := make([]result, len(envs))
	for i, at := range envs {
		for _, c := range q.Columns {
			v, err := e.value(c.X, at)
			if err != nil {
				return nil, err
			}
			if plan.GivesTruth(c.X) && v.Kind() == value.Int {
				v = value.OfBool(v.Int() != 0)
			}
			results[i].columns = append(results[i].columns, v)
		}
		for _, o := range q.OrderBy {
			v, err := e.value(o.X, at)
			if err != nil {
				return nil, err
			}
			results[i].keys = append(results[i].keys, v)
		}
	}
	return results, nil
}

// distinct drops rows that equal an earlier one. A boolean equals no number.
func (e *evaluator) distinct(q *plan.Query, results []result) []result {
	var kept []result
	for _, r := range results {
		if !slices.ContainsFunc(kept, func(other result) bool {
			for i, v := range r.columns {
				_, c := plan.Uncollated(q.Columns[i].X)
				if (v.Kind() == value.Bool) != (other.columns[i].Kind() == value.Bool) || e.compare(v, other.columns[i], c) != 0 {
					return false
				}
			}
			return true
		}) {
			kept = append(kept, r)
		}
	}
	return kept
}

// inOrder compares rows by ORDER BY.
func (e *evaluator) inOrder(q *plan.Query, a, b []value.Value) int {
	for i, o := range q.OrderBy {
		if o.Nulls != syntax.NullsOrdered {
			if order := nullOrder(o.Nulls, a[i], b[i]); order != 0 {
				return order
			}
		}
		_, c := plan.Uncollated(o.X)
		order := e.compare(a[i], b[i], c)
		if o.Desc {
			order = -order
		}
		if order != 0 {
			return order
		}
	}
	return 0
}

func nullOrder(nulls syntax.Nulls, a, b value.Value) int {
	switch {
	case isValued(a) == isValued(b):
		return 0
	case isValued(a) == (nulls == syntax.NullsLast):
		return -1
	}
	return 1
}

func isValued(v value.Value) bool { return !v.IsMissing() && v.Kind() != value.Null }
