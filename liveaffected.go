package tandem

import (
	"time"

	"github.com/tandemdb/tandem/internal/live"
	"github.com/tandemdb/tandem/internal/query/eval"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/store"
)

// changeSet has the documents before and after changes, for all live queries. The hub's lock guards it.
type changeSet struct {
	raw  []store.DocumentChange
	read []*eval.Document
}

// documents reads the documents, when a query first looks at them.
func (s *changeSet) documents() []*eval.Document {
	for _, c := range s.raw {
		for _, d := range []*store.ChangedDocument{c.Before, c.After} {
			if d != nil {
				s.read = append(s.read, &eval.Document{
					ID: d.ID, Sequence: int64(d.Sequence), Deleted: d.Deleted, Expiration: d.Expiry, Revision: d.Rev, Body: value.FromJSON(d.Body),
				})
			}
		}
	}
	s.raw = nil
	return s.read
}

// affected returns what reports whether changes may change the result of a query: one of the documents passes its conditions, as
// it was or as it is. It returns nil if every change may.
func affected(q *plan.Query, params map[string]value.Value) func(live.Collection, any) bool {
	filter := eval.FilterOf(q, params, time.Local)
	if filter == nil {
		return nil
	}
	return func(_ live.Collection, changes any) bool {
		for _, d := range changes.(*changeSet).documents() {
			if filter.Passes(d) {
				return true
			}
		}
		return false
	}
}
