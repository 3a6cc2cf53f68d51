package store

import (
	"bytes"
	"errors"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/sql"
	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/query/vector"
	"github.com/tandemdb/tandem/internal/store/queries"
)

// LazyVector is a document of a lazy vector index whose vector the program has to set.
type LazyVector struct {
	ID     string
	Source []byte    // the value of the index's expression, as JSON
	Vector []float32 // nil if the document has none
	Skip   bool      // the document is left for later, behind the others that wait
}

// LazyVectors returns documents that wait for their vectors, at most a number of them, those first that have waited the
// longest.
func (tx *Tx) LazyVectors(c *Collection, name string, most int) (all []LazyVector, err error) {
	x, _, err := tx.lazyIndex(c, name)
	if err != nil {
		return nil, err
	}
	err = tx.onceTo("update index", x.Batch(), func(s *sqlite3.Stmt) error {
		all = append(all, LazyVector{ID: s.ColumnText(0), Source: columnJSON(s, 1)})
		return nil
	}, int64(most))
	return all, err
}

// lazyIndex finds a lazy index.
func (tx *Tx) lazyIndex(c *Collection, name string) (x sql.VectorIndex, o VectorOptions, err error) {
	if _, err := tx.Collection(c.scope, c.name); err != nil {
		return x, o, err
	}
	r, err := tx.indexRecord(c, name)
	switch {
	case err != nil:
		return x, o, err
	case r == nil:
		return x, o, fault.NotFound.In("update index", name).Says("the collection %s has no such index", c.FullName())
	case r.Vector == nil || !r.Vector.Lazy:
		return x, o, fault.Invalid.In("update index", name).Says("it is no lazy vector index, and updates itself")
	case r.Built != r.versions():
		return x, o, fault.Invalid.In("update index", name).Says("it was built by another version of Tandem").
			Try("open the database for writing, which builds it anew and keeps its vectors")
	}
	x, err = r.vectors(c)
	return x, *r.Vector, err
}

// columnJSON returns a value in full form as JSON.
func columnJSON(s *sqlite3.Stmt, column int) []byte {
	var v value.Value
	switch s.ColumnType(column) {
	case sqlite3.INTEGER:
		v = value.OfInt(s.ColumnInt64(column))
	case sqlite3.FLOAT:
		v = value.OfDouble(s.ColumnFloat(column))
	case sqlite3.TEXT:
		v = value.OfString(s.ColumnText(column))
	case sqlite3.BLOB:
		v = sql.ParseBlob(s.ColumnRawBlob(column))
	case sqlite3.NULL:
	}
	return v.AppendJSON(nil)
}

// SetLazyVectors sets the vectors of documents. A document that has changed since it was read goes on waiting.
func (tx *Tx) SetLazyVectors(c *Collection, name string, all []LazyVector) error {
	x, o, err := tx.lazyIndex(c, name)
	if err != nil {
		return err
	}
	for _, v := range all {
		if v.Vector == nil || v.Skip {
			continue
		}
		if err := vector.Check(v.Vector, o.Dimensions); err != nil {
			return fault.Invalid.In("update index", name).Says("the vector of document %q is none of the index: %v", v.ID, err)
		}
	}
	return tx.atomic(func() error {
		if err := tx.beginWrite(more); err != nil {
			return err
		}
		tx.tellIndexes(c)
		for _, v := range all {
			if err := tx.setLazyVector(x, v); err != nil {
				return err
			}
		}
		return nil
	})
}

func (tx *Tx) setLazyVector(x sql.VectorIndex, v LazyVector) error {
	if v.Skip {
		return tx.once(x.Postpone(), nil, v.ID)
	}
	same := false
	err := tx.once(x.Source(), func(s *sqlite3.Stmt) error {
		same = s.ColumnType(0) != sqlite3.NULL && bytes.Equal(columnJSON(s, 0), v.Source)
		return nil
	}, v.ID)
	if err != nil || !same {
		return err
	}
	for _, text := range []string{x.Arrived(), x.Unset()} {
		if err := tx.once(text, nil, v.ID); err != nil {
			return err
		}
	}
	var blob any // NULL
	if v.Vector != nil {
		blob = vector.AppendBytes(nil, v.Vector)
	}
	return tx.once(x.Set(), nil, v.ID, blob, queries.SourceHash(v.Source))
}

// keepLazy begins to build a lazy index anew around the vectors that it has, which the program may have paid for. It reports
// false if the index has none that can be kept.
func (tx *Tx) keepLazy(c *Collection, r indexRecord) (bool, error) {
	if r.Vector == nil || !r.Vector.Lazy {
		return false, nil
	}
	x, err := r.vectors(c)
	if err != nil {
		return false, err
	}
	there := false
	err = tx.once(`SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = ? AND sql = ?`,
		func(*sqlite3.Stmt) error { there = true; return nil }, x.Rows(), x.CreateRows())
	if err != nil || !there {
		return false, err
	}
	r.Built, r.Position = r.versions(), new(Sequence)
	if err := tx.saveIndex(c, r); err != nil {
		return false, err
	}
	if err = tx.changeIndex(r.Index, x.Keep(), "build index"); errors.Is(err, fault.CorruptData) {
		return false, nil
	}
	return err == nil, err
}
