package tandem

import (
	"context"
	"slices"
	"strings"

	"github.com/tandemdb/tandem/internal/query/fulltext"
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

// FullTextIndex lets queries search the words of texts, with MATCH and RANK. Queries name the index,
// and fail without it.
type FullTextIndex struct {
	// Expressions are the properties with the texts, at least one: "title, body". Numbers and
	// booleans (as T and F) count as words, too. Of arrays and objects all values at any depth are
	// indexed, without the names of members.
	Expressions []string

	// Language has other forms of a word found ("run" finds "runs"), and the most common words
	// left out. The languages are da, de, en, es, fi, fr, hu, it, nl, no, pt, ro, ru, sv and tr, by
	// these names or longer ones such as "en_US". Another language counts as none, which is "", and
	// is logged.
	Language string

	// IgnoreAccents makes letters with and without accents the same, in Latin and Greek.
	IgnoreAccents bool

	// StopWords are the words to leave out. nil means those of the language; an empty list means
	// none.
	StopWords []string

	// DisableStemming has only the very form of a word found.
	DisableStemming bool

	// Where is a condition on the document, as in [ValueIndex].Where. A search finds only documents
	// that satisfy it.
	Where string

	// Progress reports the building, as [ValueIndex].Progress does.
	Progress func(done, total int64)
}

// Index is a definition for [Collection.CreateIndex]: a [ValueIndex], an [ArrayIndex], a
// [FullTextIndex] or a [VectorIndex].
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

func (i FullTextIndex) definition(name string) (store.Index, store.Progress, error) {
	o := &fulltext.Options{Language: i.Language, IgnoreAccents: i.IgnoreAccents, NoStemming: i.DisableStemming}
	if i.StopWords != nil {
		words := strings.Join(i.StopWords, " ")
		o.StopWords = &words
	}
	return store.Index{Name: name, Expressions: slices.Clone(i.Expressions), Where: i.Where, Text: o}, i.Progress, nil
}

// IndexInfo describes an index.
type IndexInfo struct {
	Name          string
	Path          string // of an ArrayIndex; "" for others
	Expressions   []string
	Where         string // "" if the index covers all documents
	FullText      bool   // it is a FullTextIndex, with these:
	Language      string
	IgnoreAccents bool
	Vector        *VectorIndex // nil if it is no VectorIndex; without Progress

	// LeftOut is how many documents are not in a VectorIndex although its Expression has a value in
	// them, other than null: another number of dimensions, a number that float32 cannot hold, no
	// base64. It is 0 for other indexes, and for one that is Lazy.
	LeftOut int64
}

// CreateIndex creates an index and replaces any other index of the same name. It does nothing if
// the index already exists with the same definition. Once a database has had an index, versions of
// this package without indexes refuse the database with [ErrTooNew], and once it has had a
// [FullTextIndex] or a [VectorIndex], so do versions that do not know it.
//
// Building a [ValueIndex] blocks all other writers: SQLite builds it in one transaction, which
// takes about as long as a query over all documents. The others are built in steps, and other
// writers proceed between the steps. Queries use such an index after the last step. CreateIndex with
// the same definition, or [Database.Compact], continues an unfinished one. A [VectorIndex] with
// Centroids then makes its lists, if there are enough vectors; otherwise a later query has them made. Within a batch, every
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
			info := IndexInfo{Name: i.Name, Path: i.Array, Expressions: i.Expressions, Where: i.Where}
			info.Vector = vectorIndexOf(i)
			if err == nil {
				info.LeftOut, err = tx.LeftOut(c.coll, i.Name)
			}
			if i.Text != nil {
				info.FullText, info.Language, info.IgnoreAccents = true, i.Text.Language, i.Text.IgnoreAccents
			}
			all = append(all, info)
		}
		return err
	})
	return all, err
}
