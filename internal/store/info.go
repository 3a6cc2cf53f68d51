package store

// Info returns a small value that [Tx.SetInfo] stored, or nil.
func (tx *Tx) Info(space, key string) (value []byte, err error) {
	value, err = tx.rows.value(space, key)
	return value, sqlFault(err, "get information", key)
}

// Infos calls yield for each value of a space, in the order of the keys.
func (tx *Tx) Infos(space string, yield func(key string, value []byte) error) error {
	type pair struct {
		key   string
		value []byte
	}
	var all []pair // collected first, because yield may use the transaction
	err := tx.rows.values(space, func(key string, value []byte) { all = append(all, pair{key, value}) })
	if err != nil {
		return sqlFault(err, "list information", space)
	}
	for _, p := range all {
		if err := yield(p.key, p.value); err != nil {
			return err
		}
	}
	return nil
}

// SetInfo stores a small value outside the documents, such as a cookie or the label of an identity.
// Each kind of value has a space of its own. A nil value removes the key.
func (tx *Tx) SetInfo(space, key string, value []byte) error {
	return tx.atomic(func() error { return tx.setInfo(space, key, value, last) })
}

func (tx *Tx) setInfo(space, key string, value []byte, at place) error {
	return sqlFault(tx.rows.setValue(space, key, value, at), "set information", key)
}
