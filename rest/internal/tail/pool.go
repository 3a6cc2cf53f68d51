package tail

import (
	"context"
	"sync"
	"time"
)

// Pool has the tails of all sources that somebody follows. Make it with [NewPool].
type Pool struct {
	spawn    Spawn
	document AppendDocument
	paging   chan struct{} // holds a token for each page that is being read

	mu    sync.Mutex // guards the following
	tails map[key]*entry
}

// Spawn runs work on a goroutine, with a context that ends when the pool is to end. It reports false,
// and does nothing, after that. Whoever made the pool waits for the goroutines.
type Spawn func(work func(ctx context.Context)) bool

type key struct {
	source    Source
	documents bool
}

// entry is a tail of the pool, with what the pool knows of it. The pool's lock guards it.
type entry struct {
	*tail
	key    key
	users  int         // readers, and those who are about to be
	idle   *time.Timer // ends the tail; nil while it has users
	cancel context.CancelFunc
}

// linger is how long a tail goes on without readers. Readers whose connections broke come back to a
// ring that has what they have missed.
const linger = time.Minute

// pagesAtOnce bounds the pages that are read at the same time: more would only wait for the processors,
// and keep other requests waiting.
const pagesAtOnce = 4

// NewPool makes a pool.
func NewPool(spawn Spawn, document AppendDocument) *Pool {
	return &Pool{spawn: spawn, document: document, paging: make(chan struct{}, pagesAtOnce), tails: make(map[key]*entry)}
}

// Follow returns a reader of a source's changes, which stands behind the last change, and the sequence
// of that. wake gets a value, if it has room, when there may be something new. Close the reader after
// use. The error is the source's, or [context.Canceled] after the end of the pool.
func (p *Pool) Follow(ctx context.Context, source Source, documents bool, wake chan<- struct{}) (*Reader, uint64, error) {
	last, err := source.LastSequence(ctx)
	if err != nil {
		return nil, 0, err
	}
	e := p.enter(key{source, documents}, last)
	if e == nil {
		return nil, 0, context.Canceled
	}
	r := &Reader{pool: p, entry: e, wake: wake, since: last}
	e.join(r)
	return r, last, nil
}

// enter returns a tail that runs, perhaps a new one, with one more user. It is nil after the end.
func (p *Pool) enter(k key, last uint64) *entry {
	p.mu.Lock()
	defer p.mu.Unlock()
	e := p.tails[k]
	if e == nil || e.ended() {
		if e = p.start(k, last); e == nil {
			return nil
		}
	}
	if e.idle != nil {
		e.idle.Stop()
		e.idle = nil
	}
	e.users++
	return e
}

func (p *Pool) start(k key, last uint64) *entry {
	t := &tail{source: k.source, documents: k.documents, ring: ring{floor: last}, readers: make(map[*Reader]struct{})}
	e := &entry{tail: t, key: k}
	var stopped context.Context
	stopped, e.cancel = context.WithCancel(context.Background())
	runs := p.spawn(func(ctx context.Context) {
		ctx, cancel := context.WithCancelCause(ctx)
		stop := context.AfterFunc(stopped, func() { cancel(context.Canceled) })
		t.follow(ctx, p.document)
		stop()
		cancel(nil)
		p.remove(e)
	})
	if !runs {
		e.cancel()
		return nil
	}
	p.tails[k] = e
	return e
}

// remove forgets a tail that has ended.
func (p *Pool) remove(e *entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.tails[e.key] == e {
		delete(p.tails, e.key)
	}
	if e.idle != nil {
		e.idle.Stop()
		e.idle = nil
	}
	e.cancel()
}

// exit notes that a user of a tail is gone.
func (p *Pool) exit(e *entry) {
	p.mu.Lock()
	defer p.mu.Unlock()
	e.users--
	if e.users > 0 || e.ended() {
		return
	}
	e.idle = time.AfterFunc(linger, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		if e.users == 0 && p.tails[e.key] == e {
			delete(p.tails, e.key) // nobody may enter one that is about to end
			e.cancel()
		}
	})
}
