package tandem

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"iter"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// QueryChange is a result of a live query.
type QueryChange struct {
	Query   *Query
	Results *ResultSet // nil if the run has failed
	Err     error      // why it has failed
}

// Changes runs the query again and again. It gives the current result first, even without rows.
// After this process or another has changed a collection that the query reads, it gives the new
// result, unless the rows and their order are the same. Two runs begin at least 250 ms apart. A
// loop that is slower than the changes gets the newest result and misses others.
//
// Each result is read as a whole, within [QueryOptions.MaxMemory]. The parameters are those of
// [Query.Execute] at the beginning of Changes. A run that fails gives its error, once. Where the
// database could not be read, the query runs again a second later. The sequence ends when ctx ends,
// when the database closes, or when a collection of the query is deleted (with [ErrNotFound], even
// if another collection has its name since). In a batch or View it ends at once with [ErrInvalid].
func (q *Query) Changes(ctx context.Context, given ...any) iter.Seq[QueryChange] {
	return func(yield func(QueryChange) bool) {
		live, err := q.live(ctx, given)
		switch {
		case err == nil:
			defer live.sub.Close()
			live.follow(ctx, yield)
		case ctx.Err() == nil:
			yield(QueryChange{Query: q, Err: err})
		}
	}
}

// AddChangeListener calls fn with each result that [Query.Changes] gives, on a goroutine of its
// own, one call at a time. fn may use the database, but must not close it. The calls end with
// [ListenerToken.Remove], when the database closes, and when a collection of the query is deleted.
// Closing waits for a running call. ctx bounds only the start; its [QueryOptions] apply to all
// runs.
func (q *Query) AddChangeListener(ctx context.Context, fn func(QueryChange), given ...any) (*ListenerToken, error) {
	if fn == nil {
		return nil, errNoListener
	}
	running, cancel := context.WithCancel(context.WithoutCancel(q.db.apart(ctx)))
	if err := ctx.Err(); err != nil {
		cancel()
		return nil, err
	}
	live, err := q.live(running, given)
	if err != nil {
		cancel()
		return nil, err
	}
	l := &queryListener{cancel: cancel, done: make(chan struct{})}
	if err := q.db.register(l); err != nil {
		cancel()
		live.sub.Close()
		return nil, err
	}
	go func() {
		defer close(l.done)
		defer q.db.unregister(l)
		defer cancel()
		defer live.sub.Close()
		live.follow(running, func(c QueryChange) bool { fn(c); return running.Err() == nil })
	}()
	return &ListenerToken{remove: cancel}, nil
}

// queryListener is the goroutine that calls a listener.
type queryListener struct {
	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended
}

func (l *queryListener) stop() {
	l.cancel()
	<-l.done
}

// liveQuery is a query that is followed.
type liveQuery struct {
	q   *Query // with the parameters
	of  []*store.Collection
	sub *store.Subscription

	last [sha256.Size]byte // of the result or error that was given last
}

// live subscribes to the collections of the query.
func (q *Query) live(ctx context.Context, given []any) (*liveQuery, error) {
	if q.db.joined(ctx) != nil {
		return nil, fault.Invalid.In("follow query", q.db.Path()).
			Says("no change comes to the batch or View of the context").Try("use Execute, or another context")
	}
	params, err := q.with(given)
	if err != nil {
		return nil, err
	}
	l := &liveQuery{q: &Query{db: q.db, text: q.text, plan: q.plan, params: params}}
	if l.of, err = l.collections(ctx); err != nil {
		return nil, err
	}
	l.sub = q.db.store.Subscribe(l.of...)
	return l, nil
}

// collections returns the collections that have the names in the query now.
func (l *liveQuery) collections(ctx context.Context) (all []*store.Collection, err error) {
	err = l.q.db.view(ctx, func(tx *store.Tx) error {
		all, err = tx.CollectionsOf(l.q.plan)
		return err
	})
	return all, err
}

// checkCollections fails with [ErrNotFound] if a collection of the query was deleted.
func (l *liveQuery) checkCollections(ctx context.Context) error {
	now, err := l.collections(ctx)
	if err != nil {
		return err
	}
	for i, c := range now {
		if *c != *l.of[i] {
			return fault.NotFound.In("follow query", c.FullName()).Says("the collection was deleted, and another one has its name").
				Try("follow the query anew")
		}
	}
	return nil
}

// livePause lies at least between the begins of two runs.
const livePause = 250 * time.Millisecond

// follow runs the query after each change, and gives what is new.
func (l *liveQuery) follow(ctx context.Context, yield func(QueryChange) bool) {
	for {
		pause := time.NewTimer(livePause)
		change, isNew := l.run(ctx)
		if ctx.Err() != nil || isNew && !yield(change) || errors.Is(change.Err, ErrNotFound) || errors.Is(change.Err, ErrNotOpen) {
			pause.Stop()
			return
		}
		if !l.wait(ctx, pause, change.Err) {
			return
		}
	}
}

// wait waits for a change, or a while after an error that may pass, and for the pause. It reports whether to go on.
func (l *liveQuery) wait(ctx context.Context, pause *time.Timer, err error) bool {
	defer pause.Stop()
	var again <-chan time.Time
	if err != nil && !errors.Is(err, ErrInvalidQuery) && !errors.Is(err, ErrInvalidParameter) { // the documents decide on those
		again = time.After(lookAgainAfter)
	}
	select {
	case <-ctx.Done():
		return false
	case <-again:
	case _, open := <-l.sub.C:
		if !open {
			return false
		}
	}
	select {
	case <-ctx.Done():
		return false
	case <-pause.C:
		return true
	}
}

// run runs the query, and reports whether its outcome differs from the one before.
func (l *liveQuery) run(ctx context.Context) (change QueryChange, isNew bool) {
	change.Query = l.q
	change.Results, change.Err = l.result(ctx)
	digest := digestOf(change)
	isNew = digest != l.last
	l.last = digest
	return change, isNew
}

// result reads the result of now.
func (l *liveQuery) result(ctx context.Context) (*ResultSet, error) {
	if err := l.checkCollections(ctx); err != nil {
		return nil, err
	}
	read, err := l.q.reading(ctx, nil)
	if err != nil {
		return nil, err
	}
	return l.q.executeJoined(ctx, read)
}

// digestOf returns a digest of the rows of a result, or of an error.
func digestOf(c QueryChange) [sha256.Size]byte {
	hash := sha256.New()
	var size [8]byte
	if c.Err != nil {
		hash.Write([]byte("error " + c.Err.Error()))
	} else {
		for _, row := range c.Results.rows {
			for _, column := range row {
				n := int64(len(column))
				if column == nil {
					n = -1 // missing
				}
				hash.Write(binary.BigEndian.AppendUint64(size[:0], uint64(n)))
				hash.Write(column)
			}
		}
		hash.Write([]byte("rows"))
	}
	return [sha256.Size]byte(hash.Sum(nil))
}
