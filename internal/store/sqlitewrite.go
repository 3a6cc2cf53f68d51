package store

import (
	"time"
	"unsafe"

	"github.com/ncruces/go-sqlite3"
)

// writing returns a prepared statement that writes.
func (r *sqliteRows) writing(which statement, at place) (*sqlite3.Stmt, error) {
	if err := r.tx().beginWrite(at); err != nil {
		return nil, err
	}
	return r.tx().stmt(which)
}

// collWriting is writing for one of c's statements.
func (r *sqliteRows) collWriting(c *Collection, which collStatement, at place) (*sqlite3.Stmt, error) {
	if err := r.tx().beginWrite(at); err != nil {
		return nil, err
	}
	return r.tx().collStmt(c, which)
}

// change runs a statement that writes.
func (r *sqliteRows) change(which statement, at place, args ...any) error {
	s, err := r.writing(which, at)
	if err != nil {
		return err
	}
	return exec(s, args...)
}

// collChange is change for one of c's statements.
func (r *sqliteRows) collChange(c *Collection, which collStatement, at place, args ...any) error {
	s, err := r.collWriting(c, which, at)
	if err != nil {
		return err
	}
	return exec(s, args...)
}

// changedOne fails unless the last statement has changed exactly one row, which the transaction has
// read before.
func (r *sqliteRows) changedOne() error {
	if r.c.Changes() != 1 {
		return damaged()
	}
	return nil
}

func (r *sqliteRows) insert(c *Collection, seq Sequence, d *Document, at place) (bool, error) {
	s, err := r.collWriting(c, sqlInsertDoc, at)
	if err != nil {
		return false, err
	}
	if err := r.c.writeRow(s, int64(seq), d); err != nil {
		return false, err
	}
	if r.c.Changes() == 0 {
		r.tx().changedNothing()
		return false, nil
	}
	return true, nil
}

func (r *sqliteRows) update(c *Collection, seq Sequence, next *Document, at place) error {
	s, err := r.collWriting(c, sqlUpdateDoc, at)
	if err != nil {
		return err
	}
	if err := r.c.writeRow(s, int64(seq), next); err != nil {
		return err
	}
	return r.changedOne()
}

func (r *sqliteRows) mark(c *Collection, d *Document, at place) error {
	err := r.collChange(c, sqlMarkDoc, at, d.flags, string(d.remote), expiryColumn(d.Expiry), int64(d.Sequence))
	if err != nil {
		return err
	}
	return r.changedOne()
}

func (r *sqliteRows) rename(c *Collection, d *Document, at place) error {
	err := r.collChange(c, sqlSetHistory, at, d.Rev.History.String(), string(d.remote), int64(d.Sequence))
	if err != nil {
		return err
	}
	return r.changedOne()
}

func (r *sqliteRows) markRun(c *Collection, k known, from, to Sequence, at place) (int64, error) {
	if err := r.collChange(c, sqlMarkRun, at, string(k), int64(from), int64(to)); err != nil {
		return 0, err
	}
	return r.c.Changes(), nil
}

func (r *sqliteRows) remove(c *Collection, head *Document, at place) error {
	if err := r.collChange(c, sqlDeleteDoc, at, int64(head.Sequence)); err != nil {
		return err
	}
	return r.changedOne()
}

// save, release and rollBack are the savepoint of an operation.
func (r *sqliteRows) save() error { return r.c.run(sqlSavepointOperation) }

func (r *sqliteRows) release() error { return r.c.run(sqlReleaseOperation) }

func (r *sqliteRows) rollBack() error {
	if err := r.c.run(sqlRollbackToOperation); err != nil {
		return err
	}
	return r.c.run(sqlReleaseOperation)
}

func (r *sqliteRows) gone() bool { return r.c.GetAutocommit() }

// writeRow runs sqlInsertDoc or sqlUpdateDoc. Its binding is spelled out for speed: every document
// passes here.
func (c *conn) writeRow(s *sqlite3.Stmt, seq int64, d *Document) error {
	if err := s.BindInt64(1, seq); err != nil {
		return err
	}
	if err := s.BindText(2, d.ID); err != nil {
		return err
	}
	if err := s.BindText(4, string(d.Rev.ID)); err != nil {
		return err
	}
	next := rowRest{s, d.flags, d.Rev.History.String(), d.remote, d.Expiry}
	if c.rest != next {
		if err := c.bind(next); err != nil {
			return err
		}
	}
	if err := s.BindText(8, unsafe.String(unsafe.SliceData(d.Body), len(d.Body))); err != nil { // SQLite copies the text
		return err
	}
	return s.Exec()
}

// rowRest is the part of a row that successive documents often share. A statement keeps what is
// bound.
type rowRest struct {
	of      *sqlite3.Stmt
	flags   int64
	history string
	remote  known
	expiry  time.Time
}

// bind binds r to its statement.
func (c *conn) bind(r rowRest) error {
	c.rest = rowRest{} // unknown if this fails
	if err := r.of.BindInt64(3, r.flags); err != nil {
		return err
	}
	if err := r.of.BindText(5, r.history); err != nil {
		return err
	}
	if err := r.of.BindText(6, string(r.remote)); err != nil {
		return err
	}
	if err := bindExpiry(r.of, 7, r.expiry); err != nil {
		return err
	}
	c.rest = r
	return nil
}

func bindExpiry(s *sqlite3.Stmt, param int, t time.Time) error {
	if t.IsZero() {
		return s.BindNull(param)
	}
	return s.BindInt64(param, t.UnixMilli())
}
