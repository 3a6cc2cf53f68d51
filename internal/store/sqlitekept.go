package store

import (
	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/revision"
)

func (r *sqliteRows) listKept(c *Collection, id string) (all []keptRow, err error) {
	s, err := r.tx().collStmt(c, sqlListKept)
	if err != nil {
		return nil, err
	}
	err = query(s, func(s *sqlite3.Stmt) error {
		k := keptRow{row: s.ColumnInt64(0), remote: Remote(s.ColumnInt64(1)), flags: s.ColumnInt64(4)}
		k.base = revision.ID(s.ColumnText(5))
		k.rev, err = readRev(s, 2)
		all = append(all, k)
		return err
	}, id)
	return all, r.tx().fault(c, err, "read kept revisions", id)
}

func (r *sqliteRows) keptBody(c *Collection, k keptRow) (body []byte, err error) {
	s, err := r.tx().collStmt(c, sqlKeptBody)
	if err != nil {
		return nil, err
	}
	err = query(s, func(s *sqlite3.Stmt) error {
		body = s.ColumnBlob(0, nil)
		return nil
	}, k.row)
	return body, r.tx().fault(c, err, "read kept revision", string(k.rev.ID))
}

func (r *sqliteRows) keepHead(c *Collection, head *Document, next revision.ID, at place) error {
	return r.collChange(c, sqlKeepHead, at, string(next), int64(head.Sequence))
}

func (r *sqliteRows) addKept(c *Collection, id string, k keptRow, body []byte, at place) error {
	return r.collChange(c, sqlAddKept, at, id, int64(k.remote), string(k.rev.ID), k.rev.History.String(), k.flags,
		string(k.base), string(body))
}

func (r *sqliteRows) becomeBase(c *Collection, k keptRow, at place) error {
	return r.collChange(c, sqlBecomeBase, at, k.row)
}

func (r *sqliteRows) dropKept(c *Collection, k keptRow, at place) error {
	return r.collChange(c, sqlDropKeptRow, at, k.row)
}

func (r *sqliteRows) dropAllKept(c *Collection, id string, at place) error {
	return r.collChange(c, sqlDropKept, at, id)
}
