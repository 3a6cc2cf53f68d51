package tandem

import (
	"context"
	"runtime"
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// A method called with the context of a batch or View joins its transaction. Inside a batch, a
// write with another context would wait for the batch itself, forever, so it is an error. Comparing
// goroutine numbers detects such a call; Go offers no other way.

// transaction is a transaction that a context may join: a [*Batch] or a [*snapshot].
type transaction interface {
	// read runs fn, which must not call read again. It fails once ctx has ended.
	read(ctx context.Context, fn func(*store.Tx) error) error
}

// joinKey is the key of the database's transaction in a context.
type joinKey struct{ db *Database }

// joining returns a context that joins t.
func (db *Database) joining(ctx context.Context, t transaction) context.Context {
	return context.WithValue(ctx, joinKey{db}, t)
}

// apart returns a context that joins no transaction, for work that outlives the transaction.
func (db *Database) apart(ctx context.Context) context.Context { return db.joining(ctx, nil) }

// joined returns the transaction that ctx joins, or nil.
func (db *Database) joined(ctx context.Context) transaction {
	t, _ := ctx.Value(joinKey{db}).(transaction)
	return t
}

// joinedBatch is joined for a change, which a View refuses.
func (db *Database) joinedBatch(ctx context.Context) (*Batch, error) {
	switch t := db.joined(ctx).(type) {
	case nil:
		return nil, nil //nolint:nilnil // none
	case *Batch:
		return t, t.usable()
	default:
		return nil, fault.NotWriteable.In("change database", db.Path()).Says("a View only reads").
			Try("make changes after the View, or read and write in a batch (InBatch)")
	}
}

// update runs fn in the batch that ctx joins, or else in a transaction of its own.
func (db *Database) update(ctx context.Context, fn func(*store.Tx) error) error {
	return db.updateBy(ctx, db.store.Update, fn)
}

// updateDurable is update whose change is on the disk when it returns. In a batch that is for the batch.
func (db *Database) updateDurable(ctx context.Context, fn func(*store.Tx) error) error {
	return db.updateBy(ctx, db.store.UpdateDurable, fn)
}

func (db *Database) updateBy(
	ctx context.Context, begin func(context.Context, func(*store.Tx) error) error, fn func(*store.Tx) error,
) error {
	b, err := db.toChange(ctx, "change database")
	switch {
	case err != nil:
		return err
	case b != nil:
		return fn(b.tx)
	}
	return begin(ctx, fn)
}

// view runs fn in the transaction that ctx joins, or else on a snapshot. fn must not use the database.
func (db *Database) view(ctx context.Context, fn func(*store.Tx) error) error {
	if t := db.joined(ctx); t != nil {
		return t.read(ctx, fn)
	}
	return db.store.View(ctx, fn)
}

// toChange returns the batch that a change must join, or nil if the change may wait for the
// writer.
func (db *Database) toChange(ctx context.Context, op string) (*Batch, error) {
	b, err := db.joinedBatch(ctx)
	if b != nil || err != nil {
		return b, err
	}
	return nil, db.mayWait(op)
}

// toChangeAlone refuses operations that cannot run in a transaction.
func (db *Database) toChangeAlone(ctx context.Context, op string) error {
	if _, err := db.joinedBatch(ctx); err != nil {
		return err
	}
	return db.mayWait(op)
}

// toMaintain is toChangeAlone for operations that wait for readers, too.
func (db *Database) toMaintain(ctx context.Context, op string) error {
	if _, err := db.joinedBatch(ctx); err != nil {
		return err
	}
	return db.mayWaitForAll(op)
}

// mayWait refuses an operation that waits for the writer, if it runs on the goroutine of a batch:
// it would wait for itself.
func (db *Database) mayWait(op string) error {
	if b := db.batch.Load(); b == nil || b.goroutine != goroutineID() {
		return nil
	}
	return fault.Invalid.In(op, db.Path()).Says("the call would wait for the batch that it is made in").
		Try("use the methods of the Batch, or pass the context of Batch.Context; do everything else after the batch")
}

// mayWaitForAll is mayWait for operations that wait for readers, too.
func (db *Database) mayWaitForAll(op string) error {
	if db.viewHere() == nil {
		return db.mayWait(op)
	}
	return fault.Invalid.In(op, db.Path()).Says("the call would wait for the View that it is made in").
		Try("make the call after the View")
}

// goroutineID returns the number of the calling goroutine, from the head of its stack:
// "goroutine 12 [running]:".
func goroutineID() uint64 {
	var text [64]byte
	n := runtime.Stack(text[:], false)
	number, _, _ := strings.Cut(strings.TrimPrefix(string(text[:n]), "goroutine "), " ")
	id, _ := strconv.ParseUint(number, 10, 64) // the form is as old as Go
	return id
}
