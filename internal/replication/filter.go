package replication

import (
	"log/slog"
	"runtime/debug"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// callFilter calls a filter and turns its panic into fault.Unexpected.
func callFilter(log *slog.Logger, filter Filter, doc *store.Document, accessRemoved bool) (ok bool, err error) {
	defer func() {
		if r := recover(); r != nil {
			log.Error("filter panicked", "document", doc.ID, "panic", r, "stack", string(debug.Stack()))
			err = fault.Unexpected.In("filter document", doc.ID).Says("the filter panicked: %v", r)
		}
	}()
	return filter(doc, accessRemoved), nil
}

// filtered returns why a document fails a filter, or nil if it passes.
func filtered(log *slog.Logger, filter Filter, doc *store.Document, accessRemoved bool) error {
	ok, err := callFilter(log, filter, doc, accessRemoved)
	if err == nil && !ok {
		return fault.Forbidden.In("filter document", doc.ID).Says("refused by the filter")
	}
	return err
}
