package eval

import (
	"time"

	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/value"
)

// Filter tells which documents may have to do with the result of a query. One goroutine at a time uses it.
type Filter struct {
	e          evaluator
	conditions []plan.Expr
	tombstones bool
}

// FilterOf returns the filter of a query with parameters, nil if every document may have to do with its result.
func FilterOf(q *plan.Query, params map[string]value.Value, local *time.Location) *Filter {
	conditions := q.DocumentConditions()
	if len(conditions) == 0 {
		return nil
	}
	return &Filter{evaluator{in: Input{Params: params, Location: local}}, conditions, q.Sources[0].Tombstones}
}

// Passes reports whether the query may find a document, or a row of it. A condition that fails passes: the query fails, too.
func (f *Filter) Passes(d *Document) bool {
	if d.Deleted {
		if !f.tombstones {
			return false
		}
		empty := *d
		empty.Body = value.OfMembers()
		d = &empty
	}
	for _, c := range f.conditions {
		holds, err := f.e.holds(c, env{row: row{d}})
		if err != nil {
			return true
		}
		if !holds {
			return false
		}
	}
	return true
}
