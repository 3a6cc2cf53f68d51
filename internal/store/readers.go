package store

import (
	"context"
	"errors"
	"runtime"
	"sync"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/fault"
)

// View runs fn with a snapshot of the database, on a connection of its own. Any number of
// views run at once, and none waits for the writer. When ctx is done, what fn is reading
// fails with the context's error.
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

// readers is the pool of connections that read.
type readers struct {
	db    *DB
	slots chan struct{} // bounds the connections in use

	mu   sync.Mutex // guards the following
	idle []*conn
}

// maxReaders bounds the views that run at once, and so the memory of their connections.
const maxReaders = 64

func newReaders(db *DB) *readers {
	return &readers{db: db, slots: make(chan struct{}, maxReaders)}
}

// take gives a connection, a used one if there is any.
func (p *readers) take(ctx context.Context) (*conn, error) {
	select {
	case p.slots <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	p.mu.Lock()
	if n := len(p.idle); n > 0 {
		c := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return c, nil
	}
	p.mu.Unlock()
	c, err := p.db.connect(ctx)
	if err != nil {
		<-p.slots
	}
	return c, err
}

// give puts c back, or closes it when it is broken or one too many.
func (p *readers) give(c *conn, sound bool) {
	p.mu.Lock()
	keep := sound && len(p.idle) < max(4, runtime.GOMAXPROCS(0))
	if keep {
		p.idle = append(p.idle, c)
	}
	p.mu.Unlock()
	if !keep {
		defer func() { _ = recover() }() // after a panic it may be beyond closing
		_ = c.close()                    // it has only read
	}
	<-p.slots
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
