package store

import (
	"context"
	"encoding/json"
	"log/slog"
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/internal/query/fulltext"
)

// tellIndex has the commit tell live queries of an index, unless that changes no result.
func (tx *Tx) tellIndex(c *Collection, i Index) {
	if i.forSearches() {
		tx.tellIndexes(c)
	}
}

// tellIndexes has the commit tell live queries that an index of c has changed, and not only documents.
func (tx *Tx) tellIndexes(c *Collection) {
	tx.state.mark(c)
	tx.c.recorder.lost = true
}

// IndexState returns a text that is the same while nothing but documents changes what searches of words and vectors find in c.
func (tx *Tx) IndexState(c *Collection) (string, error) {
	var text []byte
	err := tx.eachIndex(c, func(r indexRecord) error {
		if !r.forSearches() {
			return nil
		}
		definition, err := json.Marshal(r.Index)
		if err != nil {
			return err
		}
		ready := r.usable()
		text = strconv.AppendBool(append(strconv.AppendQuote(text, r.Name), definition...), ready)
		if r.Vector == nil || !r.Vector.Lazy || !ready {
			return nil
		}
		x, err := r.vectors(c)
		if err != nil {
			return err
		}
		state, err := tx.vectorState(x)
		text = strconv.AppendInt(append(text, state.token...), state.version, 10)
		return err
	})
	return string(text), err
}

// redefine gives a vector index another definition without giving up its vectors, and reports whether that can be.
func (tx *Tx) redefine(c *Collection, i Index) (bool, error) {
	if i.Vector == nil {
		return false, nil
	}
	if _, err := i.vectors(c); err != nil {
		return false, err
	}
	r, err := tx.indexRecord(c, i.Name)
	if err != nil || r == nil || r.equal(i) || r.Built != r.versions() {
		return false, err
	}
	if !r.rebuilt(i) {
		r.Index = i
		return true, tx.saveIndex(c, *r)
	}
	if !r.keeps(i) {
		return false, nil
	}
	kept, err := tx.keepLazy(c, indexRecord{Index: i})
	if err == nil && !kept {
		err = tx.DeleteIndex(c, i.Name)
	}
	return kept, err
}

// LeftOut returns how many documents have a value that is no vector of an index, and so are not in it. It returns 0 for an index that
// is lazy, is not built, or has no vectors.
func (tx *Tx) LeftOut(c *Collection, name string) (int64, error) {
	r, err := tx.indexRecord(c, name)
	if err != nil || r == nil || r.Vector == nil || r.Vector.Lazy || r.Built != r.versions() {
		return 0, err
	}
	x, err := r.vectors(c)
	if err != nil {
		return 0, err
	}
	state, err := tx.vectorState(x)
	if damage := ""; readable(err, &damage) == nil { // which a check tells
		return state.empty, nil
	}
	return 0, err
}

// tellDoubts logs what is odd about an index that has been built, and is no error.
func (db *DB) tellDoubts(ctx context.Context, c *Collection, i Index) error {
	name := slog.String("index", i.Name+" of "+c.FullName())
	if i.Text != nil && i.Text.Language != "" && fulltext.Language(i.Text.Language) == "" {
		db.options.Logger.Warn("nothing is known of the language of a full-text index, which finds words only as they are",
			name, slog.String("language", i.Text.Language), slog.String("known", strings.Join(fulltext.Languages(), " ")))
	}
	var n int64
	err := db.View(ctx, func(tx *Tx) (err error) {
		n, err = tx.LeftOut(c, i.Name)
		return err
	})
	if n > 0 {
		db.options.Logger.Warn("documents are not in a vector index, since their values are no vectors of it",
			name, slog.Int64("documents", n), slog.Int("dimensions", i.Vector.Dimensions))
	}
	return err
}
