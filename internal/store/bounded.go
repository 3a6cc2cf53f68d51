package store

// SetBoundedInfo is [Tx.SetInfo] for a space whose values may be lost. A space with more than most
// values, of at least 32, loses the lower half of them, in the order of their bytes. The number is
// looked at now and then, so that a space has at most a sixteenth more.
func (tx *Tx) SetBoundedInfo(space, key string, value []byte, most int) error {
	return tx.atomic(func() error {
		bounded := tx.db.bounded
		bounded[space]++
		if bounded[space]%(most/16) != 1 { // also the first time, in each process
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
	beyond, err := tx.rows.nthValue(space, most)
	if err != nil || beyond == nil {
		return nil, sqlFault(err, "count information", space)
	}
	if floor, err = tx.rows.nthValue(space, most/2); err != nil {
		return nil, sqlFault(err, "read information", space)
	}
	return floor, sqlFault(tx.rows.dropValuesUpTo(space, floor, more), "drop information", space)
}
