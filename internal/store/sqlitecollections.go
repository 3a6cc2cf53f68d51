package store

import "github.com/ncruces/go-sqlite3"

func (r *sqliteRows) collections() (all []*Collection, err error) {
	s, err := r.tx().stmt(sqlListCollections)
	if err != nil {
		return nil, err
	}
	err = query(s, func(s *sqlite3.Stmt) error {
		all = append(all, &Collection{id: s.ColumnInt64(0), scope: s.ColumnText(1), name: s.ColumnText(2)})
		return nil
	})
	return all, err
}

func (r *sqliteRows) collection(scope, name string) (number int64, err error) {
	s, err := r.tx().stmt(sqlFindCollection)
	if err != nil {
		return 0, err
	}
	err = query(s, func(s *sqlite3.Stmt) error { number = s.ColumnInt64(0); return nil }, scope, name)
	return number, err
}

func (r *sqliteRows) addCollection(scope, name string, at place) (*Collection, error) {
	if err := r.tx().beginWrite(at); err != nil {
		return nil, err
	}
	return addCollection(r.c, scope, name)
}

func (r *sqliteRows) dropCollection(c *Collection, at place) error {
	if err := r.tx().beginWrite(at); err != nil {
		return err
	}
	return dropCollection(r.c, c.id)
}

func (r *sqliteRows) counters(c *Collection) (k counters, err error) {
	s, err := r.tx().stmt(sqlGetCounters)
	if err != nil {
		return k, err
	}
	err = query(s, func(s *sqlite3.Stmt) error {
		k = counters{collection: c.id, last: s.ColumnInt64(0), live: s.ColumnInt64(1)}
		return nil
	}, c.id)
	return k, err
}

func (k counters) save(c *conn) error {
	s, err := c.stmt(sqlSetCounters)
	if err != nil {
		return err
	}
	return exec(s, k.last, k.live, k.collection)
}

func (r *sqliteRows) set(key string, value any, at place) error {
	if err := r.tx().beginWrite(at); err != nil {
		return err
	}
	return r.c.set(key, value)
}

func addCollection(c *conn, scope, name string) (*Collection, error) {
	s, err := c.stmt(sqlAddCollection)
	if err != nil {
		return nil, err
	}
	made := &Collection{scope: scope, name: name}
	err = query(s, func(s *sqlite3.Stmt) error { made.id = s.ColumnInt64(0); return nil }, scope, name)
	if err != nil {
		return nil, err
	}
	return made, c.Exec(forCollection(collectionSchema, made.id))
}

func dropCollection(c *conn, id int64) error {
	c.forget(id)
	if err := c.Exec(forCollection(`DROP TABLE docs_#; DROP TABLE kept_#`, id)); err != nil {
		return err
	}
	s, err := c.stmt(sqlDropCollection)
	if err != nil {
		return err
	}
	return exec(s, id)
}
