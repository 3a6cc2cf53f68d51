package tandem

import (
	"time"

	"github.com/tandemdb/tandem/internal/live"
	"github.com/tandemdb/tandem/internal/query/eval"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/store"
)

// changed returns documents before and after changes. All live queries look at the same.
func changed(all []store.DocumentChange) (documents []*eval.Document) {
	for _, c := range all {
		for _, d := range []*store.ChangedDocument{c.Before, c.After} {
			if d != nil {
				documents = append(documents, &eval.Document{
					ID: d.ID, Sequence: int64(d.Sequence), Deleted: d.Deleted, Expiration: d.Expiry, Revision: d.Rev, Body: value.FromJSON(d.Body),
				})
			}
		}
	}
	return documents
}

// affected returns what reports whether changes may change the result of a query: one of the documents passes its conditions, as
// it was or as it is. It returns nil if every change may.
func affected(q *plan.Query, params map[string]value.Value) func(live.Collection, any) bool {
	filter := eval.FilterOf(q, params, time.Local)
	if filter == nil {
		return nil
	}
	return func(_ live.Collection, changes any) bool {
		documents, ok := changes.([]*eval.Document)
		if !ok {
			return true
		}
		for _, d := range documents {
			if filter.Passes(d) {
				return true
			}
		}
		return false
	}
}
