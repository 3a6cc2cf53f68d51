package store

import "github.com/ncruces/go-sqlite3"

// Info returns a small value that [Tx.SetInfo] stored, or nil.
func (tx *Tx) Info(space, key string) (value []byte, err error) {
	s, err := tx.stmt(sqlGetInfo)
	if err != nil {
		return nil, err
	}
	err = query(s, func(s *sqlite3.Stmt) error { value = s.ColumnBlob(0, []byte{}); return nil }, space, key)
	return value, sqlFault(err, "get information", key)
}

// Infos calls yield for each value of a space, in the order of the keys.
func (tx *Tx) Infos(space string, yield func(key string, value []byte) error) error {
	s, err := tx.stmt(sqlListInfo)
	if err != nil {
		return err
	}
	type pair struct {
		key   string
		value []byte
	}
	var all []pair // collected first, because yield may use the transaction
	err = query(s, func(s *sqlite3.Stmt) error {
		all = append(all, pair{s.ColumnText(0), s.ColumnBlob(1, []byte{})})
		return nil
	}, space)
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
	which := sqlSetInfo
	args := []any{space, key, value}
	if value == nil {
		which, args = sqlDeleteInfo, args[:2]
	}
	s, err := tx.writing(which, at)
	if err != nil {
		return err
	}
	return sqlFault(exec(s, args...), "set information", key)
}
