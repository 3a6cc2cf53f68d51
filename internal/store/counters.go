package store

import (
	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/fault"
)

// counters are a collection's figures: cached by the writer, saved with each commit.
type counters struct {
	collection int64
	last       int64 // the last sequence given
	live       int64 // documents that are not tombstones
	touched    bool  // differs from the file
}

// counterState remembers counters, to undo a transaction.
type counterState struct {
	of  *counters
	was counters
}

func (s counterState) restore() { *s.of = s.was }

// counters gives c's counters to change.
func (tx *Tx) counters(c *Collection) (*counters, error) {
	if err := tx.mayWrite(); err != nil {
		return nil, err
	}
	w := tx.db.writer
	k := w.counters[c.id]
	if k == nil {
		var err error
		if k, err = tx.loadCounters(c); err != nil {
			return nil, err
		}
		w.counters[c.id] = k
	}
	if n := len(tx.undo); n == 0 || tx.undo[n-1].of != k {
		tx.undo = append(tx.undo, counterState{of: k, was: *k})
	}
	if !k.touched {
		k.touched = true
		tx.group.touched = append(tx.group.touched, k)
	}
	return k, nil
}

func (tx *Tx) loadCounters(c *Collection) (*counters, error) {
	s, err := tx.stmt(sqlGetCounters)
	if err != nil {
		return nil, err
	}
	var k *counters
	err = query(s, func(s *sqlite3.Stmt) error {
		k = &counters{collection: c.id, last: s.ColumnInt64(0), live: s.ColumnInt64(1)}
		return nil
	}, c.id)
	if err == nil && k == nil {
		err = fault.NotFound.In("use collection", c.FullName()).Says("the collection was deleted")
	}
	return k, sqlFault(err, "use collection", c.FullName())
}

func (k *counters) save(c *conn) error {
	s, err := c.stmt(sqlSetCounters)
	if err != nil {
		return err
	}
	k.touched = false
	return exec(s, k.last, k.live, k.collection)
}

// LastSequence returns the last sequence given in c, 0 if there was none.
func (tx *Tx) LastSequence(c *Collection) (Sequence, error) {
	k, err := tx.figures(c)
	return Sequence(k.last), err
}

// Count returns how many documents c has, tombstones left out.
func (tx *Tx) Count(c *Collection) (uint64, error) {
	k, err := tx.figures(c)
	return uint64(max(k.live, 0)), err
}

func (tx *Tx) figures(c *Collection) (counters, error) {
	if tx.group != nil {
		if k := tx.db.writer.counters[c.id]; k != nil {
			return *k, tx.alive()
		}
	}
	k, err := tx.loadCounters(c)
	if err != nil {
		return counters{}, err
	}
	return *k, nil
}
