package tandem

import (
	"context"
	"runtime"
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// While a batch is under way nobody else can write. What its function calls with the context of the
// batch joins it. What it calls with another context would wait for its own end, for ever: that is an
// error. To know such a call, the goroutine that it is made on is compared; Go offers nothing else.

// batchKey is the key of the batch in the context of [Batch.Context].
type batchKey struct{}

// update runs fn in the batch that ctx joins, or else in a transaction of its own.
func (db *Database) update(ctx context.Context, fn func(*store.Tx) error) error {
	b, err := db.joined(ctx)
	switch {
	case err != nil:
		return err
	case b != nil:
		return fn(b.tx)
	}
	if err := db.mayWait("change database"); err != nil {
		return err
	}
	return db.store.Update(ctx, fn)
}

// view runs fn in the batch that ctx joins, or else on a snapshot.
func (db *Database) view(ctx context.Context, fn func(*store.Tx) error) error {
	b, err := db.joined(ctx)
	switch {
	case err != nil:
		return err
	case b != nil:
		return fn(b.tx)
	}
	return db.store.View(ctx, fn)
}

// joined returns the batch of the database that ctx joins, nil for none.
func (db *Database) joined(ctx context.Context) (*Batch, error) {
	b, _ := ctx.Value(batchKey{}).(*Batch)
	switch {
	case b == nil || b.db != db:
		return nil, nil //nolint:nilnil // none
	case db.batch.Load() != b:
		return nil, fault.NotOpen.In("use database", db.Path()).Says("the batch of the context is over").
			Try("use the context of a batch within its function alone")
	case b.goroutine != goroutineID():
		return nil, fault.Invalid.In("use database", db.Path()).Says("a batch is for one goroutine").
			Try("use the context of a batch on the goroutine of its function alone")
	}
	return b, nil
}

// mayWait refuses what waits for the writer on the goroutine of a batch, which would wait for itself.
func (db *Database) mayWait(op string) error {
	if b := db.batch.Load(); b == nil || b.goroutine != goroutineID() {
		return nil
	}
	return fault.Invalid.In(op, db.Path()).Says("the call would wait for the batch that it is made in").
		Try("call methods of the Batch, or give the context of Batch.Context; do what a batch cannot after it")
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
