package store

import "github.com/ncruces/go-sqlite3"

// numberSettings are the settings that are numbers.
var numberSettings = [...]string{metaPurged, metaKeepBases, metaBranches, metaMet}

func (r *sqliteRows) settings() (map[string]int64, error) {
	all := make(map[string]int64)
	for _, key := range numberSettings {
		err := r.c.get(key, func(s *sqlite3.Stmt) { all[key] = s.ColumnInt64(0) })
		if err != nil {
			return nil, err
		}
	}
	return all, nil
}

func (r *sqliteRows) met() (string, error) { return readMet(r.c) }

func (r *sqliteRows) spaces() (all []string, err error) {
	err = r.each(sqlListSpaces, func(s *sqlite3.Stmt) { all = append(all, s.ColumnText(0)) })
	return all, err
}

func (r *sqliteRows) peerCheckpoints(each func(client string, rev int64, body []byte)) error {
	return r.each(sqlListPeerCheckpoints, func(s *sqlite3.Stmt) {
		each(s.ColumnText(0), s.ColumnInt64(1), s.ColumnBlob(2, []byte{}))
	})
}

func (r *sqliteRows) localCheckpoints(each func(id string, body []byte)) error {
	return r.each(sqlListLocalCheckpoints, func(s *sqlite3.Stmt) { each(s.ColumnText(0), s.ColumnBlob(1, []byte{})) })
}

func (r *sqliteRows) keptWithBodies(c *Collection, ids []string, each func(id string, k keptRow, body []byte)) error {
	for _, id := range ids {
		all, err := r.listKept(c, id)
		if err != nil {
			return err
		}
		for _, k := range all {
			body, err := r.keptBody(c, k)
			if err != nil {
				return err
			}
			each(id, k, body)
		}
	}
	return nil
}

func (r *sqliteRows) each(which statement, row func(*sqlite3.Stmt)) error {
	s, err := r.tx().stmt(which)
	if err != nil {
		return err
	}
	return query(s, func(s *sqlite3.Stmt) error { row(s); return nil })
}
