package store

import "github.com/ncruces/go-sqlite3"

func (r *sqliteRows) value(space, key string) (value []byte, err error) {
	s, err := r.tx().stmt(sqlGetInfo)
	if err != nil {
		return nil, err
	}
	err = query(s, func(s *sqlite3.Stmt) error { value = s.ColumnBlob(0, []byte{}); return nil }, space, key)
	return value, err
}

func (r *sqliteRows) values(space string, each func(key string, value []byte)) error {
	s, err := r.tx().stmt(sqlListInfo)
	if err != nil {
		return err
	}
	return query(s, func(s *sqlite3.Stmt) error {
		each(s.ColumnText(0), s.ColumnBlob(1, []byte{}))
		return nil
	}, space)
}

func (r *sqliteRows) setValue(space, key string, value []byte, at place) error {
	if value == nil {
		return r.change(sqlDeleteInfo, at, space, key)
	}
	return r.change(sqlSetInfo, at, space, key, value)
}

// nthValue looks first whether there are so many, in the order of the keys: the order of the values takes a
// sort.
func (r *sqliteRows) nthValue(space string, n int) (value []byte, err error) {
	s, err := r.tx().stmt(sqlHasInfos)
	if err != nil {
		return nil, err
	}
	found := false
	err = query(s, func(*sqlite3.Stmt) error { found = true; return nil }, space, int64(n))
	if err != nil || !found {
		return nil, err
	}
	if s, err = r.tx().stmt(sqlNthInfo); err != nil {
		return nil, err
	}
	err = query(s, func(s *sqlite3.Stmt) error { value = s.ColumnBlob(0, []byte{}); return nil }, space, int64(n))
	return value, err
}

func (r *sqliteRows) dropValuesUpTo(space string, value []byte, at place) error {
	return r.change(sqlDropInfoUpTo, at, space, value)
}
