package store

import (
	"bytes"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/sql"
	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/query/vector"
)

// LazyVector is a document of a lazy vector index whose vector the program has to set.
type LazyVector struct {
	ID     string
	Source []byte    // the value of the index's expression, as JSON
	Vector []float32 // nil if the document has none
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
		if v.Vector == nil {
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
		for _, v := range all {
			if err := tx.setLazyVector(x, v); err != nil {
				return err
			}
		}
		return nil
	})
}

func (tx *Tx) setLazyVector(x sql.VectorIndex, v LazyVector) error {
	same := false
	err := tx.once(x.Source(), func(s *sqlite3.Stmt) error {
		same = s.ColumnType(0) != sqlite3.NULL && bytes.Equal(columnJSON(s, 0), v.Source)
		return nil
	}, v.ID)
	if err != nil || !same {
		return err
	}
	if err := tx.once(x.Arrived(), nil, v.ID); err != nil {
		return err
	}
	if v.Vector == nil {
		return tx.once(x.SetNone(), nil, v.ID)
	}
	return tx.once(x.Set(), nil, v.ID, vector.AppendBytes(nil, v.Vector))
}
