package store

import (
	"context"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/fault"
)

// Tx is a transaction: a snapshot in [DB.View], the sole writer in [DB.Update]. Only the function
// that received it may use it, on the same goroutine, until the function returns.
//
// Each method that writes is atomic by itself: if it fails, it changes nothing, and the function
// may continue. If SQLite has lost the whole transaction, all further calls fail with the same
// error, and so does the transaction.
type Tx struct {
	db  *DB
	ctx context.Context //nolint:containedctx // a Tx is the extent of one call
	now time.Time

	c    *conn // to SQLite; nil in a database of another engine, and when the transaction is over
	rows rows
	over bool

	group     *group // nil in a View
	state     *state // of the writer
	was       state  // the writer's state before this transaction
	wrote     bool
	savepoint bool // undo rolls back to a savepoint, not the whole group
	op        operation
	spoiled   error // why the transaction can neither continue nor commit
}

// Now returns the time of the transaction.
func (tx *Tx) Now() time.Time { return tx.now }

// stmt returns a prepared statement. It fails after the transaction has ended or its context is
// done.
func (tx *Tx) stmt(which statement) (*sqlite3.Stmt, error) {
	if err := tx.inSQLite("use database"); err != nil {
		return nil, err
	}
	s, err := tx.c.stmt(which)
	return s, sqlFault(err, "use database", tx.db.path)
}

// collStmt is stmt for one of c's statements. It fails with fault.NotFound if the collection was
// deleted.
func (tx *Tx) collStmt(c *Collection, which collStatement) (*sqlite3.Stmt, error) {
	if err := tx.inSQLite("use collection"); err != nil {
		return nil, err
	}
	s, err := tx.c.collStmt(c.id, which)
	if err == nil {
		return s, nil
	}
	if exists, findErr := tx.exists(c); findErr == nil && !exists {
		return nil, fault.NotFound.In("use collection", c.FullName()).Says("the collection was deleted")
	}
	return nil, sqlFault(err, "use collection", c.FullName())
}

// inSQLite fails unless the transaction is one of SQLite, and not over.
func (tx *Tx) inSQLite(op string) error {
	if err := tx.alive(); err != nil {
		return err
	}
	if tx.c == nil {
		return tx.unsupported(op)
	}
	return nil
}

// mayWrite must be asked before any change to the writer's state.
func (tx *Tx) mayWrite() error {
	if tx.group == nil {
		return fault.NotWriteable.In("write", tx.db.path).Says("this is a read-only transaction")
	}
	return tx.alive()
}

func (tx *Tx) alive() error {
	switch {
	case tx.over:
		return fault.NotOpen.In("use transaction", tx.db.path).Says("the transaction is over")
	case tx.spoiled != nil:
		return tx.spoiled
	}
	return tx.ctx.Err()
}

// end ends the transaction for its function.
func (tx *Tx) end() { tx.c, tx.over = nil, true }

// newTx returns a transaction on a connection to SQLite.
func (db *DB) newTx(ctx context.Context, c *conn) *Tx {
	tx := &Tx{db: db, ctx: ctx, c: c, now: db.options.Now()}
	tx.rows = (*sqliteRows)(tx)
	return tx
}
