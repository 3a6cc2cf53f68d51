package tandem

import (
	"context"
	"slices"

	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/store"
)

// ValueIndex lets queries find and sort documents by the values of expressions, without reading all
// documents. It serves queries with the same expression and the same collation. It never changes a
// result.
type ValueIndex struct {
	// Expressions are properties, functions of properties, or META().id, each with an optional
	// collation: "name", "lower(city)", "name COLLATE NOCASE". Their order counts as in ORDER BY.
	// An index needs at least one expression. Parameters, aggregates and date functions that
	// depend on the time zone are not allowed.
	Expressions []string

	// Where limits the index to documents that satisfy this condition. The index then serves
	// queries with the same condition. "" means all documents.
	Where string

	// Progress is called now and then while the index is built, with the number of documents
	// indexed so far and the approximate total. It must not use the database. nil means no
	// reports.
	Progress func(done, total int64)
}

// ArrayIndex lets queries find documents by the items of arrays. It serves UNNEST of the same
// arrays, and ANY, IN and array_contains() over them, if a condition that all rows must satisfy
// compares the same expressions with constants. It never changes a result.
type ArrayIndex struct {
	// Path is the property with the array. For nested arrays, [] follows each array but the
	// innermost: "contacts[].phones".
	Path string

	// Expressions are evaluated on each item of the array, with the rules of
	// [ValueIndex].Expressions. An empty list indexes the item itself.
	Expressions []string

	// Where is a condition on the document, as in [ValueIndex].Where.
	Where string

	// Progress reports the building, as [ValueIndex].Progress does.
	Progress func(done, total int64)
}

// Index is a definition for [Collection.CreateIndex]: a [ValueIndex] or an [ArrayIndex].
type Index interface {
	definition(name string) (store.Index, store.Progress, error)
}

func (i ValueIndex) definition(name string) (store.Index, store.Progress, error) {
	return store.Index{Name: name, Expressions: slices.Clone(i.Expressions), Where: i.Where}, i.Progress, nil
}

func (i ArrayIndex) definition(name string) (store.Index, store.Progress, error) {
	_, err := syntax.ParseArrayPath(i.Path) // without a path it would be another index
	return store.Index{Name: name, Array: i.Path, Expressions: slices.Clone(i.Expressions), Where: i.Where}, i.Progress, err
}

// IndexInfo describes an index.
type IndexInfo struct {
	Name        string
	Path        string // of an ArrayIndex; "" for a ValueIndex
	Expressions []string
	Where       string // "" if the index covers all documents
}

// CreateIndex creates an index and replaces any other index of the same name. It does nothing if
// the index already exists with the same definition. Once a database has had an index, versions of
// this package without indexes refuse the database with [ErrTooNew].
//
// Building a [ValueIndex] blocks all other writers: SQLite builds it in one transaction, which
// takes about as long as a query over all documents. An [ArrayIndex] is built in steps, and other
// writers proceed between the steps. Queries use it after the last step. CreateIndex with the same
// definition, or [Database.Compact], continues an unfinished array index. Within a batch, an array
// index is built in a single step. The end of ctx ends the building.
//
// The error is [ErrInvalid] for an empty name or a name with a double quote, a [*QueryError] for
// an invalid expression or path, or [ErrNotFound] if the collection is gone.
func (c *Collection) CreateIndex(ctx context.Context, name string, index Index) error {
	i, progress, err := index.definition(name)
	if err != nil {
		return err
	}
	b, err := c.db.toChange(ctx, "create index")
	switch {
	case err != nil:
		return err
	case b != nil:
		return b.tx.CreateIndex(c.coll, i, progress)
	}
	return c.db.store.CreateIndex(ctx, c.coll, i, progress)
}

// DeleteIndex removes an index, if it exists.
func (c *Collection) DeleteIndex(ctx context.Context, name string) error {
	return c.db.update(ctx, func(tx *store.Tx) error { return tx.DeleteIndex(c.coll, name) })
}

// Indexes lists the indexes of the collection by name. It fails with [ErrNotFound] if the collection is gone.
func (c *Collection) Indexes(ctx context.Context) (all []IndexInfo, err error) {
	err = c.db.view(ctx, func(tx *store.Tx) error {
		found, err := tx.Indexes(c.coll)
		for _, i := range found {
			all = append(all, IndexInfo{i.Name, i.Array, i.Expressions, i.Where})
		}
		return err
	})
	return all, err
}
