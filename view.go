package tandem

import (
	"context"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// View calls fn with a context that joins a snapshot of the database: methods of the database, its
// collections and its queries that are called with this context, or one made of it, see all
// collections as they were when the View began, whoever writes meanwhile. It returns fn's error.
//
//	err := db.View(ctx, func(ctx context.Context) error {
//		n, err := tasks.Count(ctx)
//		…
//		for d, err := range tasks.All(ctx) { // gives n documents
//
// Several goroutines may use the context; their calls take turns, and a call whose context ends
// waits no longer. After fn has returned, calls
// with the context fail with [ErrNotOpen]. Changes with the context fail with [ErrNotWriteable].
// Changes with another context succeed, and the View does not see them. A View inside a View joins
// the outer View; a View inside a batch joins the batch.
//
// A View holds a connection to the database. 64 Views may run at once. A further View waits up to
// 30 seconds for another to end, and then fails with [ErrBusy]. The log of the database cannot
// shrink during a View, so fn should not wait for a person. fn must not call [Database.Close],
// which waits for fn, nor [Database.Compact] or [Database.ChangeEncryptionKey].
func (db *Database) View(ctx context.Context, fn func(ctx context.Context) error) error {
	switch t := db.joined(ctx).(type) {
	case nil:
	case *Batch:
		return fn(db.joining(ctx, batchView{t}))
	default:
		return fn(ctx)
	}
	if outer := db.viewHere(); outer != nil {
		return fn(db.joining(ctx, outer))
	}
	s, err := db.beginView(ctx)
	if err != nil {
		return err
	}
	defer s.end()
	return fn(db.joining(ctx, s))
}

// snapshot is a View under way.
type snapshot struct {
	db        *Database
	goroutine uint64 // of View

	ended chan struct{} // closed when View's function has returned
	over  chan struct{} // closed when the transaction has ended
	err   error         // why the transaction could not begin; read after over

	turn chan struct{} // capacity 1: a call is under way; holding the slot guards the following
	tx   *store.Tx     // nil after the transaction has ended
}

// Views are bounded, as each holds a connection.
const (
	maxViews     = 64
	viewPatience = 30 * time.Second
)

// beginView begins a transaction on another goroutine, so that a panic of View's function reaches
// the caller.
func (db *Database) beginView(ctx context.Context) (*snapshot, error) {
	if err := db.takeSeat(ctx); err != nil {
		return nil, err
	}
	s := &snapshot{
		db: db, goroutine: goroutineID(),
		ended: make(chan struct{}), over: make(chan struct{}), turn: make(chan struct{}, 1),
	}
	begun := make(chan *store.Tx)
	go func() {
		defer close(s.over)
		s.err = db.store.ViewOnce(ctx, func(tx *store.Tx) error {
			if _, err := tx.Collections(); err != nil { // the first read takes the snapshot
				return err
			}
			begun <- tx
			<-s.ended
			return nil
		})
	}()
	select {
	case s.tx = <-begun:
		db.views.Store(s.goroutine, s)
		return s, nil
	case <-s.over:
		db.seats.Release(1)
		return nil, s.err
	}
}

// takeSeat waits until another View may run.
func (db *Database) takeSeat(ctx context.Context) error {
	waiting, cancel := context.WithTimeout(ctx, viewPatience)
	defer cancel()
	err := db.seats.Acquire(waiting, 1)
	if err == nil || ctx.Err() != nil {
		return err
	}
	return fault.Busy.In("read database", db.Path()).Says("%d Views run", maxViews).
		Try("end Views sooner: read what is needed, and work with it afterwards")
}

func (s *snapshot) end() {
	s.db.views.Delete(s.goroutine)
	s.turn <- struct{}{}
	s.tx = nil
	<-s.turn
	close(s.ended)
	<-s.over
	s.db.seats.Release(1)
}

func (s *snapshot) read(ctx context.Context, fn func(*store.Tx) error) error {
	if err := ctx.Err(); err != nil { // select would take either
		return err
	}
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.turn }()
	if s.tx == nil {
		return fault.NotOpen.In("use database", s.db.Path()).Says("the View of the context is over").
			Try("use the context of a View within its function alone")
	}
	return fn(s.tx)
}

// viewHere returns the View whose function runs on this goroutine, or nil.
func (db *Database) viewHere() *snapshot {
	s, _ := db.views.Load(goroutineID())
	here, _ := s.(*snapshot)
	return here
}

// batchView is a View inside a batch.
type batchView struct{ b *Batch }

func (v batchView) read(ctx context.Context, fn func(*store.Tx) error) error {
	return v.b.read(ctx, fn)
}
