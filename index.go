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
	// Expressions are properties, functions of them, or META().id, each with a collation if wished: "name", "lower(city)",
	// "name COLLATE NOCASE". The order counts as in ORDER BY. At least one is needed; parameters, aggregates and functions
	// of dates that depend on the time zone are not allowed.
	Expressions []string

	// Where limits the index to documents that satisfy this condition. The index then serves
	// queries with the same condition. "" means all documents.
	Where string

	// Progress is called now and then while the index is built, with the number of documents that it has, and about
	// how many there are. It must not use the database. nil means that nobody wants to know.
	Progress func(done, total int64)
}

// ArrayIndex lets queries find documents by the items of arrays. It serves UNNEST of the same
// arrays, and ANY, IN and array_contains() over them, if a condition that all rows must satisfy
// compares the same expressions with constants. It never changes a result.
type ArrayIndex struct {
	// Path is the property with the array. With arrays in the items of arrays, [] follows each but the last:
	// "contacts[].phones".
	Path string

	// Expressions are evaluated for an item, as those of a [ValueIndex] are for a document. An
	// empty list means the item itself.
	Expressions []string

	// Where is a condition on the document, as that of a [ValueIndex].
	Where string

	// Progress is that of a [ValueIndex].
	Progress func(done, total int64)
}

// Index is what [Collection.CreateIndex] creates: a [ValueIndex] or an [ArrayIndex].
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
	Where       string // "" if it has all documents
}

// CreateIndex creates an index, in place of another of the name. If there is one of the same definition already, nothing
// is done. Once a database has had an index, versions of this package without indexes refuse it with [ErrTooNew].
//
// While a [ValueIndex] is built nobody else can write: SQLite does it in one transaction, which takes about as long as
// a query over all documents. An [ArrayIndex] is built in steps, between which others write, and is used from the last
// one on; an unfinished one is gone on with by CreateIndex with the same definition, or by [Database.Compact]. Within
// a batch it is built at once. When ctx ends, so does the building.
//
// The error is [ErrInvalid] for an empty name or one with a double quote, a [*QueryError] for an expression or path that
// cannot be, or [ErrNotFound] if the collection is gone.
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
