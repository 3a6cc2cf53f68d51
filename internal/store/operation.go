package store

import (
	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/fault"
)

// operation is a public method of Tx that changes something. It leaves all of its changes or none,
// so that a caller may go on with the next one after an error.
type operation struct {
	running   bool
	ended     bool // the last statement that changes something has begun
	savepoint bool // undoing rolls back to a savepoint
}

// place is where a statement stands among those of its operation that change something.
type place bool

// SQLite undoes a single statement that fails by itself. So an operation sets a savepoint only if a
// statement changes something that others are to follow: most operations need none.
const (
	more place = false // others may follow
	last place = true  // neither a statement nor an error follows
)

// atomic runs do as one operation. Within another operation, do is a part of that.
//
//nolint:contextcheck,nolintlint // undoing must not end with the operation's context; the first is for callers
func (tx *Tx) atomic(do func() error) error {
	if err := tx.mayWrite(); err != nil {
		return err
	}
	if tx.op.running {
		return do()
	}
	was := tx.db.writer.state
	tx.op = operation{running: true}
	returned := false
	defer func() {
		if !returned { // a panic: the whole transaction has failed, whoever recovers
			tx.spoil(fault.Unexpected.In("write to database", tx.db.path).Says("an operation panicked"))
		}
	}()
	err := tx.endOperation(was, do())
	returned = true
	return err
}

// endOperation keeps what the operation has changed, or undoes it because of err.
func (tx *Tx) endOperation(was state, err error) error {
	op := tx.op
	tx.op = operation{}
	if err == nil && op.savepoint {
		if err = tx.c.run(sqlReleaseOperation); err != nil {
			err = sqlFault(err, "write to database", tx.db.path)
		}
	}
	if err == nil {
		return nil
	}
	tx.db.writer.state = was
	switch {
	case tx.c.GetAutocommit(): // SQLite has undone the whole transaction
		tx.spoil(err)
	case op.savepoint && tx.db.writer.runAll(sqlRollbackToOperation, sqlReleaseOperation) != nil:
		tx.spoil(err)
	}
	return err
}

// spoil makes the transaction fail because of err, whatever its function goes on to do.
func (tx *Tx) spoil(err error) {
	if tx.spoiled == nil {
		tx.spoiled = err
	}
}

// writing gives a prepared statement that changes something.
func (tx *Tx) writing(which statement, at place) (*sqlite3.Stmt, error) {
	if err := tx.beginWrite(at); err != nil {
		return nil, err
	}
	return tx.stmt(which)
}

// collWriting is writing for one of c's statements.
func (tx *Tx) collWriting(c *Collection, which collStatement, at place) (*sqlite3.Stmt, error) {
	if err := tx.beginWrite(at); err != nil {
		return nil, err
	}
	return tx.collStmt(c, which)
}

// beginWrite is called before every change. A transaction that follows others in one group needs a
// savepoint too, once it writes.
func (tx *Tx) beginWrite(at place) error {
	if err := tx.mayWrite(); err != nil {
		return err
	}
	if !tx.wrote {
		if tx.group.dirty {
			if err := tx.c.run(sqlSavepoint); err != nil {
				return sqlFault(err, "write", tx.db.path)
			}
			tx.savepoint = true
		}
		tx.wrote = true
	}
	if !tx.op.running || tx.op.savepoint {
		return nil
	}
	if tx.op.ended {
		panic("store: a statement follows the last one of its operation") // our own mistake
	}
	if at == last {
		tx.op.ended = true
		return nil
	}
	if err := tx.c.run(sqlSavepointOperation); err != nil {
		return sqlFault(err, "write", tx.db.path)
	}
	tx.op.savepoint = true
	return nil
}

// changedNothing tells that the statement which was to be the last has changed nothing.
func (tx *Tx) changedNothing() { tx.op.ended = false }

// changeOne runs a statement that has to change exactly one row, which was read before.
func (tx *Tx) changeOne(s *sqlite3.Stmt, args ...any) error {
	if err := exec(s, args...); err != nil {
		return err
	}
	return tx.changedOne()
}

func (tx *Tx) changedOne() error {
	if tx.c.Changes() != 1 {
		return damaged()
	}
	return nil
}
