package store

import "github.com/tandemdb/tandem/internal/fault"

// operation tracks a public method of Tx that writes. Such a method makes all of its changes or
// none, so that a caller may continue with the next method after an error.
type operation struct {
	running   bool
	ended     bool // the operation's last writing statement has begun
	savepoint bool // undo rolls back to a savepoint
}

// place tells whether further writes of the same operation may follow a statement.
type place bool

// SQLite undoes a failed statement by itself. An operation therefore sets a savepoint only before a
// write that others may follow. Most operations consist of one write and need none.
const (
	more place = false // others may follow
	last place = true  // no write and no error follows
)

// atomic runs do as one operation. Inside another operation, do becomes part of it.
func (tx *Tx) atomic(do func() error) error {
	if err := tx.mayWrite(); err != nil {
		return err
	}
	if tx.op.running {
		return do()
	}
	was := *tx.state
	tx.op = operation{running: true}
	returned := false
	defer func() {
		if !returned { // do panicked: the whole transaction fails, even if the caller recovers
			tx.spoil(fault.Unexpected.In("write to database", tx.db.path).Says("an operation panicked"))
		}
	}()
	err := tx.endOperation(was, do())
	returned = true
	return err
}

// endOperation keeps the changes of the operation, or undoes them because of err.
func (tx *Tx) endOperation(was state, err error) error {
	op := tx.op
	tx.op = operation{}
	if err == nil && op.savepoint {
		if err = tx.rows.release(); err != nil {
			err = sqlFault(err, "write to database", tx.db.path)
		}
	}
	if err == nil {
		return nil
	}
	*tx.state = was
	switch {
	case tx.rows.gone():
		tx.spoil(err)
	case op.savepoint && tx.rows.rollBack() != nil: // a panic here fails the whole transaction
		tx.spoil(err)
	}
	return err
}

// spoil makes the transaction fail with err, even if its function returns nil later.
func (tx *Tx) spoil(err error) {
	if tx.spoiled == nil {
		tx.spoiled = err
	}
}

// beginWrite must be called before every write. It sets the savepoints: one for a transaction that
// follows other writers of its group, and one for an operation with several writes.
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
		panic("store: a statement follows the last one of its operation") // a programming error
	}
	if at == last {
		tx.op.ended = true
		return nil
	}
	if err := tx.rows.save(); err != nil {
		return sqlFault(err, "write", tx.db.path)
	}
	tx.op.savepoint = true
	return nil
}

// changedNothing notes that the statement announced as the last changed nothing, so that others may
// follow.
func (tx *Tx) changedNothing() { tx.op.ended = false }
