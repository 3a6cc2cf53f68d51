package store

import (
	"encoding/json"
	"strconv"
)

// tellIndex has the commit tell live queries of an index, unless that changes no result.
func (tx *Tx) tellIndex(c *Collection, i Index) {
	if i.Text != nil || i.Vector != nil {
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
		if r.Text == nil && r.Vector == nil {
			return nil
		}
		definition, err := json.Marshal(r.Index)
		if err != nil {
			return err
		}
		ready := r.ready("") == nil
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
