package tandem

import (
	"context"
	"errors"
	"time"

	"github.com/tandemdb/tandem/internal/store"
)

// observer calls a change listener on a goroutine of its own, until it is removed or the
// database closes.
type observer struct {
	db     *Database
	sub    *store.Subscription
	cancel context.CancelFunc
	done   chan struct{} // closed when the goroutine has ended
}

// watched is the subject of an observer.
type watched interface {
	// begin notes the present state.
	begin(ctx context.Context) error

	// look calls the listener if the state has changed. purged lists the purges since the last
	// look.
	look(ctx context.Context, purged []store.Purge) error
}

// observe starts an observer of w, which is about some collections, or all. ctx bounds the start alone.
func (db *Database) observe(ctx context.Context, w watched, of ...*store.Collection) (*ListenerToken, error) {
	ctx = db.apart(ctx)
	running, cancel := context.WithCancel(context.WithoutCancel(ctx))
	o := &observer{db: db, sub: db.store.Subscribe(of...), cancel: cancel, done: make(chan struct{})}
	err := w.begin(ctx)
	if err == nil {
		err = db.register(o)
	}
	if err != nil {
		cancel()
		o.sub.Close()
		return nil, err
	}
	go o.run(running, w)
	return &ListenerToken{remove: cancel}, nil
}

func (o *observer) stop() {
	o.cancel()
	<-o.done
}

// lookAgainAfter is how long an observer waits when it could not read the database.
const lookAgainAfter = time.Second

func (o *observer) run(ctx context.Context, w watched) {
	defer close(o.done)
	defer o.db.unregister(o)
	defer o.sub.Close()
	defer o.cancel()
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-again:
		case _, open := <-o.sub.C:
			if !open {
				return
			}
		}
		again = nil
		err := w.look(ctx, o.sub.Purged())
		switch {
		case ctx.Err() != nil, errors.Is(err, ErrNotOpen), errors.Is(err, ErrNotFound):
			return // ErrNotFound: the collection was deleted
		case err != nil:
			again = time.After(lookAgainAfter)
		}
	}
}
