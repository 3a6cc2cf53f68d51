package tandem

import (
	"context"
	"iter"
	"log/slog"
	"runtime/debug"

	"github.com/tandemdb/tandem/internal/fault"
)

// QueryChange is a result of a live query.
type QueryChange struct {
	Query   *Query
	Results *ResultSet // nil if the run has failed
	Err     error      // why it has failed

	// Diff tells how Results differ from the results that the loop or listener got before; the
	// first ones differ from a result without rows. It is nil if the run has failed, and without
	// [QueryOptions].Diff.
	Diff *QueryDiff
}

// Changes runs the query again and again. It gives the current result first, even without rows.
// After this process or another has changed a collection that the query reads, or a full-text or
// vector index that it searches, it gives the new result, unless the rows and their order are the
// same. Runs for changes begin at least 250 ms apart, and later while writers are busy and dozens
// of live queries wait for their turn. A loop that is slower than the changes gets the newest
// result and misses others.
//
// The given parameters override those of [Query.SetParameters], which gives the result with new
// parameters. Equal queries with equal parameters and options run once for all who follow them in a
// database. Each result is read as a whole, within [QueryOptions.MaxMemory].
//
// A run that fails gives its error, once. Where the database could not be read, the query runs
// again a second later. The sequence ends when ctx ends, when the database closes, or when a
// collection of the query is deleted (with [ErrNotFound], even if another collection has its name
// since). In a batch or View it ends at once with [ErrInvalid].
func (q *Query) Changes(ctx context.Context, given ...any) iter.Seq[QueryChange] {
	return func(yield func(QueryChange) bool) {
		live, err := q.follow(ctx, given)
		switch {
		case err == nil:
			defer live.close()
			live.each(ctx, yield)
		case ctx.Err() == nil:
			yield(QueryChange{Query: q, Err: err})
		}
	}
}

// AddChangeListener calls fn with each result that [Query.Changes] gives, on a goroutine of its
// own, one call at a time. fn may use the database, but must not close it. A call that panics is
// logged, and others follow. The calls end with [ListenerToken.Remove], when the database closes,
// and when a collection of the query is deleted. Closing waits for a running call. ctx bounds only
// the start; its [QueryOptions] apply to all runs.
func (q *Query) AddChangeListener(ctx context.Context, fn func(QueryChange), given ...any) (*ListenerToken, error) {
	if fn == nil {
		return nil, errNoListener
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	running, cancel := context.WithCancel(context.WithoutCancel(q.db.apart(ctx)))
	live, err := q.follow(ctx, given)
	if err != nil {
		cancel()
		return nil, err
	}
	l := &queryListener{cancel: cancel, done: make(chan struct{})}
	if err := q.db.register(l); err != nil {
		cancel()
		live.close()
		return nil, err
	}
	go l.run(running, live, fn)
	return &ListenerToken{remove: func() {
		cancel()
		live.close()
	}}, nil
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

func (l *queryListener) run(ctx context.Context, live *liveQuery, fn func(QueryChange)) {
	defer close(l.done)
	defer live.q.db.unregister(l)
	defer l.cancel()
	defer live.close()
	live.each(ctx, func(c QueryChange) bool {
		live.call(fn, c)
		return ctx.Err() == nil
	})
}

// call calls a listener, which may panic.
func (l *liveQuery) call(fn func(QueryChange), c QueryChange) {
	defer func() {
		if p := recover(); p != nil {
			l.q.db.logger.Error("the listener of a query panicked", slog.String("query", l.q.logged()),
				slog.Any("panic", p), slog.String("stack", string(debug.Stack())))
		}
	}()
	fn(c)
}

// follow begins to follow the query.
func (q *Query) follow(ctx context.Context, given []any) (*liveQuery, error) {
	if q.db.joined(ctx) != nil {
		return nil, fault.Invalid.In("follow query", q.db.Path()).
			Says("no change comes to the batch or View of the context").Try("use Execute, or another context")
	}
	own, err := q.encodeAll(given)
	if err != nil {
		return nil, err
	}
	options, err := q.db.queryOptions(ctx)
	if err != nil {
		return nil, err
	}
	l := &liveQuery{q: q, given: own, options: options}
	if l.of, err = q.collections(ctx); err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if l.mail, err = q.db.live.Follow(l.query(over(q.params, own))); err != nil {
		return nil, fault.NotOpen.In("follow query", q.db.Path()).Says("the database is closed")
	}
	if q.live == nil {
		q.live = map[*liveQuery]struct{}{}
	}
	q.live[l] = struct{}{}
	return l, nil
}
