package store

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// The bounds of a group commit, and of the time one process may hold the file in a row.
const (
	maxGroup     = 256
	maxGroupTime = 50 * time.Millisecond
	maxHold      = 250 * time.Millisecond
	yieldTime    = 3 * time.Millisecond // longer than lockPause, so that a waiting process gets the lock
	reserveTime  = time.Second          // how far ahead of need the clock is reserved
)

// Update runs fn in a writing transaction and commits. If fn fails or panics, Update undoes fn's
// changes alone and returns its error. Functions that wait at the same time share one commit; a
// lone one commits at once. fn runs on another goroutine. It must not call Update or anything else
// that waits for the writer.
//
// In a database that nodes share, Update undoes fn's changes and calls it again when the connection was lost, or when
// what other callers have changed in the same commit was refused. So fn must set what it tells its caller, and
// must not add to it.
//
// If ctx is done before fn begins, fn never runs; afterwards, fn's next call on the Tx fails.
func (db *DB) Update(ctx context.Context, fn func(*Tx) error) error {
	return db.submit(&request{ctx: ctx, fn: fn})
}

// UpdateDurable is [DB.Update] with a promise: after it returns nil, no power cut can undo its
// changes or anything committed earlier, blobs included. It calls fn once.
func (db *DB) UpdateDurable(ctx context.Context, fn func(*Tx) error) error {
	return db.submit(&request{ctx: ctx, fn: fn, durable: true, once: true})
}

// UpdateOnce is [DB.Update] for a function that must not be called twice: the transaction fails where Update would
// call it again. It may take long: see hubheld.go.
func (db *DB) UpdateOnce(ctx context.Context, fn func(*Tx) error) error {
	return db.submit(&request{ctx: ctx, fn: fn, once: true})
}

// request is a function that waits for the writer.
type request struct {
	ctx     context.Context //nolint:containedctx // of one call, which waits for done
	fn      func(*Tx) error
	alone   func(*conn) error // runs instead of fn, outside a transaction
	durable bool
	once    bool // fn must not be called again

	claimed atomic.Bool // by the writer, or by a caller that gave up
	done    chan struct{}
	err     error // read after done
}

// claim reports whether the writer must run r. It returns false if the caller has given up, or if
// r's context is done; then claim finishes r with the context's error.
func (r *request) claim() bool {
	if !r.claimed.CompareAndSwap(false, true) {
		return false
	}
	if err := r.ctx.Err(); err != nil {
		r.finish(err)
		return false
	}
	return true
}

func (r *request) finish(err error) {
	r.err = err
	close(r.done)
}

// writer owns the only writing connection, and a state that stays valid until another process
// commits.
type writer struct {
	db       *DB
	requests chan *request // unbuffered, so that no accepted request is lost
	poll     chan struct{} // capacity 1: asks for a look at other processes' commits
	log      *logCopier
	commits  atomic.Uint64 // that have begun to change the files

	// Only the goroutine of run uses these fields.
	//
	// The file holds state.reserved durably, and after each restart the clock begins past it. A
	// version beyond both state.reserved and the wall clock must not leave this process before it
	// is synced: if a power cut took it back, its time would be given again, and peers would take
	// the later edit for the old one. The writer syncs such a commit before it reports success. A
	// version far ahead of the wall clock is synced too, but does not raise state.reserved.
	c     *conn
	state state
	since time.Time // when the present run of groups without a pause began
}

func newWriter(db *DB, c *conn) *writer {
	w := &writer{
		db: db, requests: make(chan *request), poll: make(chan struct{}, 1), log: newLogCopier(db),
	}
	w.use(c)
	return w
}

// use makes c the writing connection.
func (w *writer) use(c *conn) {
	w.c = c
	w.log.watch(c)
}

// submit has the writer run r, and waits for the outcome.
func (db *DB) submit(r *request) error {
	const op = "write to database"
	if err := db.enter(op); err != nil {
		return err
	}
	defer db.leave()
	if db.options.ReadOnly {
		return notWriteable().In(op, db.path)
	}
	requests := db.requests()
	r.done = make(chan struct{})
	select {
	case requests <- r:
	case <-r.ctx.Done():
		return r.ctx.Err()
	}
	select {
	case <-r.done:
	case <-r.ctx.Done():
		if r.claimed.CompareAndSwap(false, true) {
			return r.ctx.Err()
		}
		<-r.done
	}
	return r.err
}

// requests returns where the writer takes requests.
func (db *DB) requests() chan<- *request {
	if db.hub != nil {
		return db.hub.writer.requests
	}
	return db.writer.requests
}

// run serves requests until the database closes. Close waits for calls in progress before it waits
// for this goroutine, so run serves every accepted request.
func (w *writer) run() {
	idle := w.db.idle()
	for {
		select {
		case r := <-w.requests:
			w.serve(r)
		case <-w.poll:
			w.lookAround()
		case <-idle:
			return
		}
	}
}

// idle returns a channel that is closed when the database is being closed and no call is in progress.
func (db *DB) idle() <-chan struct{} {
	idle := make(chan struct{})
	go func() { // ends with Close
		<-db.closing
		db.inUse.Wait()
		close(idle)
	}()
	return idle
}

func (w *writer) serve(r *request) {
	if w.c == nil { // a change of the encryption was cut off
		if r.claim() {
			r.finish(w.db.access.failed)
		}
		return
	}
	if r.alone == nil {
		w.commitGroup(r)
	} else if r.claim() {
		r.finish(w.guard(func() error { return r.alone(w.c) }))
	}
	w.yield()
}

// next returns a waiting request that can join g, or nil.
func (w *writer) next(g *group) *request {
	if len(g.members) >= maxGroup || time.Since(g.began) > maxGroupTime {
		return nil
	}
	r := w.waiting()
	if r == nil {
		runtime.Gosched() // callers woken by the last commit may be about to submit again
		r = w.waiting()
	}
	if r != nil && r.alone != nil {
		g.after = r
		return nil
	}
	return r
}

func (w *writer) waiting() *request {
	select {
	case r := <-w.requests:
		return r
	default:
		return nil
	}
}

// yield leaves the lock to other processes now and then, because SQLite has no queue.
func (w *writer) yield() {
	now := time.Now()
	if now.Sub(w.since) < maxHold {
		return
	}
	if !w.since.IsZero() {
		select {
		case <-time.After(yieldTime):
		case <-w.db.closing:
		}
	}
	w.since = time.Now()
}

// lookAround looks for commits of other processes and reports them to subscribers.
func (w *writer) lookAround() {
	if w.c == nil {
		return
	}
	changed, err := w.othersCommitted()
	if err == nil && changed {
		w.db.signals.notifyAll()
		w.db.signals.wakeExpirer()
	}
}

// othersCommitted reports whether another process has committed since the last look, and reloads
// the state if so.
func (w *writer) othersCommitted() (bool, error) {
	s, err := w.c.stmt(sqlDataVersion)
	if err != nil {
		return false, err
	}
	var version int64
	if s.Step() {
		version = s.ColumnInt64(0)
	}
	err = s.Err()
	_ = s.Reset() // reports the step's error again
	if err != nil {
		return false, err
	}
	if w.state.fresh && version == w.state.version {
		return false, nil
	}
	w.state.version = version
	return true, w.reload()
}

// guard runs fn and turns a panic into an error. A panic may have left the connection in any state,
// so guard replaces the connection.
func (w *writer) guard(fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = panicked(r)
			w.reopen()
		}
	}()
	return fn()
}

func (w *writer) reopen() {
	c, err := w.db.connect(context.Background())
	if err != nil {
		return // the old connection may still work; otherwise its errors report the failure
	}
	old := w.c
	w.use(c)
	w.state = state{}
	defer func() { _ = recover() }() // closing a broken connection may panic
	if !old.GetAutocommit() {
		_ = old.Exec(`ROLLBACK`) // releases the lock; if it fails, closing does
	}
	_ = old.close() // the new connection replaces it
}

func (w *writer) close() error {
	if w.c == nil {
		return nil
	}
	return w.c.close()
}

func panicked(r any) error {
	if err, ok := r.(error); ok {
		return fault.Unexpected.In("write to database", "").Says("the function panicked").Because(err)
	}
	return fault.Unexpected.In("write to database", "").Says("the function panicked: %v", r)
}
