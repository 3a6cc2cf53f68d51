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

// View runs fn with a snapshot of the database, on a connection of its own. A few views run at
// once and the others queue; none waits for the writer. fn may begin another view. When ctx is
// done, what fn is reading fails with the context's error.
func (db *DB) View(ctx context.Context, fn func(*Tx) error) error {
	const op = "read database"
	if err := db.enter(op); err != nil {
		return err
	}
	defer db.leave()
	if err := db.access.use(ctx); err != nil {
		return err
	}
	defer db.access.unuse()
	c, err := db.readers.take(ctx)
	if err != nil {
		return interrupted(ctx, sqlFault(err, op, db.path))
	}
	return interrupted(ctx, sqlFault(db.readers.view(ctx, c, fn), op, db.path))
}

// interrupted says in the context's words that SQLite was interrupted because of it.
func interrupted(ctx context.Context, err error) error {
	if ctx.Err() != nil && errors.Is(err, sqlite3.INTERRUPT) {
		return ctx.Err()
	}
	return err
}

// readers is the pool of connections that read. More of them than processors gain nothing, and each
// costs much to open: so views queue for a few, in their order.
type readers struct {
	db    *DB
	bound int // connections opened without a wait, and kept when they are idle

	mu      sync.Mutex // guards the following
	idle    []*conn
	open    int           // connections, idle or in use
	opening int           // those of them that somebody is opening
	cost    time.Duration // of opening the last one
	moved   time.Time     // when one was opened or given back
	burst   int           // how many to open when nothing moves
	waiting []chan *conn  // capacity 1; nil stands for one that the receiver has to open
}

// When views wait while none of the others ends, one more connection is opened: the others may be waiting
// for these, since a view may begin another. If still none ends, two more are opened, then four. A wait lasts
// at least four times as long as opening takes, which grows with the number of collections: views that are
// merely slow are cheaper to wait for. Beyond manyReaders it lasts longer, as memory is at stake.
const (
	patience     = 5 * time.Millisecond
	longPatience = time.Second
	manyReaders  = 64
)

func newReaders(db *DB) *readers {
	return &readers{db: db, bound: max(4, runtime.GOMAXPROCS(0)), burst: 1}
}

// take gives a connection, a used one if there is any.
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

// queue gives a connection, or nil if the caller has to open one.
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

// await waits for its turn, and looks now and then whether anything moves.
func (p *readers) await(ctx context.Context, turn chan *conn, limit time.Duration) (*conn, error) {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case c := <-turn:
			return c, nil
		case <-ctx.Done():
			if !p.leave(turn) { // it was given one meanwhile
				p.pass(<-turn)
			}
			return nil, ctx.Err()
		case <-timer.C:
			timer.Reset(p.unblock(time.Now()))
		}
	}
}

// unblock has more connections opened if nothing has moved for too long. It returns when to look again.
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

// leave takes turn out of the queue; false means that its turn has come.
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

// pass hands on c, which was not used; nil is one that was to be opened.
func (p *readers) pass(c *conn) { p.give(c, c != nil) }

// give hands c on, or puts it back. It closes one that is broken, or one too many; c is nil if it
// was not opened.
func (p *readers) give(c *conn, sound bool) {
	if p.keep(c, sound) || c == nil {
		return
	}
	defer func() { _ = recover() }() // after a panic it may be beyond closing
	_ = c.close()                    // it has only read
}

// keep reports whether c is still in use, or idle.
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

// view runs fn in a read transaction of c, and gives c back.
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
	tx := &Tx{db: p.db, ctx: ctx, c: c, now: p.db.options.Now()}
	err = fn(tx)
	tx.c = nil
	c.SetInterrupt(background)
	sound = c.run(sqlCommit) == nil
	return err
}
