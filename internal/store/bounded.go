package store

import "github.com/ncruces/go-sqlite3"

// SetBoundedInfo is [Tx.SetInfo] for a space whose values may be lost. A space with more than most
// values, of at least 32, loses the lower half of them, in the order of their bytes. The number is
// looked at now and then, so that a space has at most a sixteenth more.
func (tx *Tx) SetBoundedInfo(space, key string, value []byte, most int) error {
	return tx.atomic(func() error {
		w := tx.db.writer
		w.bounded[space]++
		if w.bounded[space]%(most/16) != 1 { // also the first time, in each process
			return tx.setInfo(space, key, value, last)
		}
		if err := tx.setInfo(space, key, value, more); err != nil {
			return err
		}
		_, err := tx.dropLowerHalf(space, most)
		return err
	})
}

// dropLowerHalf drops the lower half of the values of a space that has more than most, and returns
// the greatest of those it has dropped, or nil.
func (tx *Tx) dropLowerHalf(space string, most int) (floor []byte, err error) {
	s, err := tx.stmt(sqlHasInfos)
	if err != nil {
		return nil, err
	}
	tooMany := false
	err = query(s, func(*sqlite3.Stmt) error { tooMany = true; return nil }, space, int64(most))
	if err != nil || !tooMany {
		return nil, sqlFault(err, "count information", space)
	}
	if s, err = tx.stmt(sqlNthInfo); err != nil {
		return nil, err
	}
	read := func(s *sqlite3.Stmt) error { floor = s.ColumnBlob(0, []byte{}); return nil }
	if err := query(s, read, space, int64(most/2)); err != nil {
		return nil, sqlFault(err, "read information", space)
	}
	if s, err = tx.writing(sqlDropInfoUpTo, more); err != nil {
		return nil, err
	}
	return floor, sqlFault(exec(s, space, floor), "drop information", space)
}
