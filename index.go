package tandem

import (
	"context"
	"slices"

	"github.com/tandemdb/tandem/internal/store"
)

// ValueIndex makes queries find documents by the values of expressions, and sort by them, without reading all. It
// serves a query that has the same expression, with the same collation. The results are the same without it.
type ValueIndex struct {
	// Expressions are properties, functions of them, or META().id, each with a collation if wished: "name", "lower(city)",
	// "name COLLATE NOCASE". The order counts as in ORDER BY. At least one is needed; parameters, aggregates and functions
	// of dates that depend on the time zone are not allowed.
	Expressions []string

	// Where is a condition, and the index only has the documents for which it is true; it serves queries that have the same
	// condition. "" means all documents.
	Where string
}

// IndexInfo describes an index.
type IndexInfo struct {
	Name        string
	Expressions []string
	Where       string // "" if it has all documents
}

// CreateIndex creates an index, in place of another of the name. If there is one of the same definition already, nothing
// is done. Until it is built nobody else can write. Once a database has had an index, versions of this package
// without indexes refuse it with [ErrTooNew].
//
// The error is [ErrInvalid] for an empty name or one with a double quote, a [*QueryError] for an expression that
// cannot be, or [ErrNotFound] if the collection is gone.
func (c *Collection) CreateIndex(ctx context.Context, name string, index ValueIndex) error {
	i := store.Index{Name: name, Expressions: slices.Clone(index.Expressions), Where: index.Where}
	return c.db.update(ctx, func(tx *store.Tx) error { return tx.CreateIndex(c.coll, i) })
}

// DeleteIndex removes an index. That there is none is no error.
func (c *Collection) DeleteIndex(ctx context.Context, name string) error {
	return c.db.update(ctx, func(tx *store.Tx) error { return tx.DeleteIndex(c.coll, name) })
}

// Indexes lists the indexes of the collection by name. It fails with [ErrNotFound] if the collection is gone.
func (c *Collection) Indexes(ctx context.Context) (all []IndexInfo, err error) {
	err = c.db.view(ctx, func(tx *store.Tx) error {
		found, err := tx.Indexes(c.coll)
		for _, i := range found {
			all = append(all, IndexInfo{i.Name, i.Expressions, i.Where})
		}
		return err
	})
	return all, err
}
