package store

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/fault"
)

// View runs fn with a snapshot of the database, on a connection of its own. A few views run at once
// and others queue; none waits for the writer. fn may begin another view. When ctx is done, reads
// of fn fail with the context's error. fn may run again, after an engine has undone its transaction.
func (db *DB) View(ctx context.Context, fn func(*Tx) error) error {
	return db.viewBy(ctx, fn, (*hub).view)
}

// ViewOnce is View for a function that must not run again: it fails with fault.Busy if an engine has undone its
// transaction, which only engines do that several nodes share.
func (db *DB) ViewOnce(ctx context.Context, fn func(*Tx) error) error {
	return db.viewBy(ctx, fn, (*hub).viewOnce)
}

func (db *DB) viewBy(ctx context.Context, fn func(*Tx) error, inHub func(*hub, context.Context, *DB, func(*Tx) error) error) error {
	const op = "read database"
	if err := db.enter(op); err != nil {
		return err
	}
	defer db.leave()
	if db.hub != nil {
		return inHub(db.hub, ctx, db, fn)
	}
	if err := db.access.use(ctx); err != nil {
		return err
	}
	defer db.access.unuse()
	c, err := db.readers.take(ctx)
	if err != nil {
		return interrupted(ctx, sqlFault(err, op, db.path))
	}
	if db.readersBehind.Load() {
		db.readersBehind.Store(false)
	}
	return interrupted(ctx, sqlFault(db.readers.view(ctx, c, fn), op, db.path))
}

// interrupted replaces SQLite's INTERRUPT error by the error of the context that caused it.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, sqlite3.INTERRUPT) {
		return ctx.Err()
	}
	return err
}

// readers is a pool of read connections. More connections than processors gain nothing and cost
// much to open, so further views queue in their order.
type readers struct {
	db    *DB
	bound int // connections that open without a wait, and that stay open when idle

	mu      sync.Mutex // guards the following
	idle    []*conn
	open    int           // connections, idle or in use
	opening int           // those of them that are still being opened
	cost    time.Duration // of opening the latest one
	moved   time.Time     // when a connection was last opened or given back
	burst   int           // how many to open when no view ends
	waiting []chan *conn  // capacity 1; a nil value tells the receiver to open a connection
}

// If no view ends while others wait, the pool opens one more connection: a running view may wait
// for one of the queued, since a view may begin another. If still no view ends, it opens two more,
// then four. Each wait lasts at least four times as long as opening a connection, which grows with
// the number of collections: waiting for slow views is cheaper than opening. Beyond manyReaders the
// wait is longer, to save memory.
const (
	patience     = 5 * time.Millisecond
	longPatience = time.Second
	manyReaders  = 64
)

func newReaders(db *DB) *readers {
	return &readers{db: db, bound: max(4, runtime.GOMAXPROCS(0)), burst: 1}
}

// take returns an idle connection, or opens one.
func (p *readers) take(ctx context.Context) (*conn, error) {
	c, err := p.queue(ctx)
	if c != nil || err != nil {
		return c, err
	}
	began := time.Now()
	if c, err = p.db.connect(ctx); err != nil {
		p.give(nil, false)
	} else {
		p.opened(time.Since(began))
	}
	return c, err
}

func (p *readers) opened(cost time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.opening--
	p.cost, p.moved = cost, time.Now()
}

// queue returns a connection, or nil if the caller must open one.
func (p *readers) queue(ctx context.Context) (*conn, error) {
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		defer p.mu.Unlock()
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		return c, nil
	}
	if p.open < p.bound {
		defer p.mu.Unlock()
		p.open++
		p.opening++
		return nil, nil //nolint:nilnil // the caller opens it
	}
	turn := make(chan *conn, 1)
	p.waiting = append(p.waiting, turn)
	limit := p.patienceLocked()
	p.mu.Unlock()
	return p.await(ctx, turn, limit)
}

// await waits for its turn. Now and then it calls unblock, in case no view ends.
func (p *readers) await(ctx context.Context, turn chan *conn, limit time.Duration) (*conn, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case c := <-turn:
			return c, nil
		case <-ctx.Done():
			if !p.leave(turn) { // a connection arrived meanwhile
				p.pass(<-turn)
			}
			return nil, ctx.Err()
		case <-timer.C:
			timer.Reset(p.unblock(time.Now()))
		}
	}
}

// unblock lets waiting views open connections if no view has ended for too long. It returns when to
// look again.
func (p *readers) unblock(now time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	limit := p.patienceLocked()
	if left := limit - now.Sub(p.moved); left > 0 {
		return left
	}
	if p.opening > 0 {
		return limit
	}
	n := min(p.burst, len(p.waiting))
	for _, turn := range p.waiting[:n] {
		turn <- nil
	}
	p.waiting = p.waiting[n:]
	p.open += n
	p.opening += n
	p.burst *= 2
	p.moved = now
	return limit
}

func (p *readers) patienceLocked() time.Duration {
	if p.open < manyReaders {
		return min(max(patience, 4*p.cost), longPatience)
	}
	return longPatience
}

// leave removes turn from the queue; false means that its turn has come already.
func (p *readers) leave(turn chan *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.leaveLocked(turn)
}

func (p *readers) leaveLocked(turn chan *conn) bool {
	i := slices.Index(p.waiting, turn)
	if i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
	return i >= 0
}

// pass gives back c, which was not used; nil stands for the permission to open one.
func (p *readers) pass(c *conn) { p.give(c, c != nil) }

// give passes c to the next waiting view, or puts it back. It closes a broken or surplus
// connection. c is nil if opening it failed.
func (p *readers) give(c *conn, sound bool) {
	if p.keep(c, sound) || c == nil {
		return
	}
	defer func() { _ = recover() }() // closing a broken connection may panic
	_ = c.close()                    // a read connection has nothing to save
}

// keep reports whether the pool still uses c: a waiting view got it, or it is idle.
func (p *readers) keep(c *conn, sound bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.moved, p.burst = time.Now(), 1
	if c == nil {
		p.opening--
	}
	if !sound {
		c = nil
	}
	if len(p.waiting) > 0 {
		if c == nil {
			p.opening++
		}
		p.waiting[0] <- c
		p.waiting = p.waiting[1:]
		return sound
	}
	if sound && len(p.idle) < p.bound {
		p.idle = append(p.idle, c)
		return true
	}
	p.open--
	return false
}

func (p *readers) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var err error
	for _, c := range p.idle {
		if closeErr := c.close(); err == nil {
			err = closeErr
		}
	}
	p.open -= len(p.idle)
	p.idle = nil
	return err
}

// view runs fn in a read transaction of c and gives c back.
func (p *readers) view(ctx context.Context, c *conn, fn func(*Tx) error) (err error) {
	sound := false
	defer func() {
		if r := recover(); r != nil {
			err = fault.Unexpected.In("read database", p.db.path).Says("the function panicked: %v", r)
		}
		p.give(c, sound)
	}()
	background := c.SetInterrupt(ctx)
	if err := c.run(sqlBegin); err != nil {
		return err
	}
	tx := p.db.newTx(ctx, c)
	err = fn(tx)
	tx.end()
	c.SetInterrupt(background)
	sound = !c.broken && c.run(sqlCommit) == nil
	return err
}
