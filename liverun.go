package tandem

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/live"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/store"
)

// liveQuery is a query that one loop or listener follows.
type liveQuery struct {
	q       *Query
	given   map[string]value.Value // override the query's
	options QueryOptions
	of      []*store.Collection
	mail    *live.Follower[liveResult]
	before  liveResult // the result that was given last, for the diff
}

// liveResult is the result of a run, or the error. Nobody changes it.
type liveResult struct {
	rows [][][]byte
	keys []string // which tell the rows apart
	err  error
}

// each yields the results that differ.
func (l *liveQuery) each(ctx context.Context, yield func(QueryChange) bool) {
	for {
		o, ok := l.mail.Next(ctx)
		if !ok || !yield(l.change(o.Result)) {
			return
		}
	}
}

// change tells a result in the words of the API.
func (l *liveQuery) change(r liveResult) QueryChange {
	if r.err != nil {
		return QueryChange{Query: l.q, Err: r.err}
	}
	c := QueryChange{Query: l.q, Results: &ResultSet{columns: l.q.Columns(), rows: r.rows}}
	if l.options.Diff {
		c.Diff = diffOf(c.Results.columns, l.before, r)
		l.before = r
	}
	return c
}

// close ends the following. Closing twice is harmless.
func (l *liveQuery) close() {
	l.mail.Close()
	l.q.mu.Lock()
	defer l.q.mu.Unlock()
	delete(l.q.live, l)
}

// query returns the query, with parameters, as it runs for all who follow it.
func (l *liveQuery) query(params map[string]value.Value) live.Query[liveResult] {
	options := l.options
	options.Diff = false
	run := &liveRun{q: &Query{db: l.q.db, text: l.q.text, plan: l.q.plan.Keyed()}, params: params, options: options, of: l.of}
	run.shown = len(l.q.plan.Columns)
	run.feedOnly = l.q.plan.ReadsOnlyFeed()
	q := live.Query[liveResult]{Key: run.key(), Run: run.run, Affected: affected(l.q.plan, params)}
	for _, c := range l.of {
		q.Of = append(q.Of, followed{l.q.db.store, c})
	}
	return q
}

// followed is a collection that a live query reads.
type followed struct {
	db *store.DB
	*store.Collection
}

// Follow implements [live.Collection].
func (f followed) Follow() live.Feed { return feed{f.db.SubscribeDocuments(f.Collection)} }

// feed has the commits in a collection.
type feed struct{ *store.Subscription }

// C implements [live.Feed].
func (f feed) C() <-chan struct{} { return f.Subscription.C }

// Changes implements [live.Feed].
func (f feed) Changes() (count uint64, changes any, known bool) {
	count, all, known := f.Documents()
	return count, &changeSet{raw: all}, known
}

// collections returns the collections that have the names in the query now.
func (q *Query) collections(ctx context.Context) (all []*store.Collection, err error) {
	err = q.db.view(ctx, func(tx *store.Tx) error {
		all, err = tx.CollectionsOf(q.plan)
		return err
	})
	return all, err
}

// liveRun runs a query for all who follow it.
type liveRun struct {
	q        *Query // with the columns of the keys
	params   map[string]value.Value
	options  QueryOptions
	of       []*store.Collection
	shown    int  // columns
	feedOnly bool // see [plan.Query.ReadsOnlyFeed]
}

// key is equal for runs that have the same result.
func (r *liveRun) key() string {
	key := strconv.AppendQuote(nil, r.q.text)
	for _, c := range r.of {
		key = strconv.AppendInt(append(key, ' '), c.Number(), 10)
	}
	for _, src := range r.q.plan.Sources { // _ means another collection in another query of the same text
		key = strconv.AppendQuote(append(key, ' '), src.Collection.Scope+"."+src.Collection.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(r.params)) {
		key = r.params[name].AppendJSON(append(append(append(key, ' '), name...), '='))
	}
	o := r.options
	for _, bound := range []int64{int64(o.MaxRows), int64(o.Timeout), o.MaxMemory, o.MaxTemporary} {
		key = strconv.AppendInt(append(key, ' '), bound, 10)
	}
	return string(key)
}

// figures are a collection's counters. While they are the same, none of its documents has changed, and no index that the
// query searches.
type figures struct {
	last    store.Sequence
	live    uint64
	indexes string
}

// run reads the result of now, unless it cannot differ from the last.
func (r *liveRun) run(ctx context.Context, last *live.Outcome[liveResult]) live.Outcome[liveResult] {
	var o live.Outcome[liveResult]
	read := &reading{q: r.q, params: r.params, options: r.options, began: time.Now()}
	ctx, cancel := read.within(ctx)
	defer cancel()
	err := r.q.db.store.View(ctx, func(tx *store.Tx) error {
		now, err := r.figures(tx)
		if err != nil {
			return err
		}
		o.Seen = now
		if last != nil && r.feedOnly {
			if seen, ok := last.Seen.([]figures); ok && slices.Equal(seen, now) {
				o.Same = true
				return nil
			}
		}
		return r.read(ctx, tx, read, &o)
	})
	if err = read.timedOut(ctx, err); err != nil {
		o = live.Outcome[liveResult]{Result: liveResult{err: err}, End: errors.Is(err, ErrNotFound) || errors.Is(err, ErrNotOpen)}
		o.Retry = !o.End && !errors.Is(err, ErrInvalidQuery) && !errors.Is(err, ErrInvalidParameter) // the documents decide on those
		o.Digest = sha256.Sum256([]byte("error " + err.Error()))
	}
	return o
}

// figures reads the counters of the collections. It fails with [ErrNotFound] if one was deleted.
func (r *liveRun) figures(tx *store.Tx) (all []figures, err error) {
	now, err := tx.CollectionsOf(r.q.plan)
	if err != nil {
		return nil, err
	}
	for i, c := range now {
		if *c != *r.of[i] {
			return nil, fault.NotFound.In("follow query", c.FullName()).
				Says("the collection was deleted, and another one has its name").Try("follow the query anew")
		}
		var f figures
		if f.last, err = tx.LastSequence(c); err != nil {
			return nil, err
		}
		if f.live, err = tx.Count(c); err != nil {
			return nil, err
		}
		if r.q.plan.Searches() {
			if f.indexes, err = tx.IndexState(c); err != nil {
				return nil, err
			}
		}
		all = append(all, f)
	}
	return all, nil
}

// read reads the rows.
func (r *liveRun) read(ctx context.Context, tx *store.Tx, read *reading, o *live.Outcome[liveResult]) error {
	hash := sha256.New()
	var text []byte // of a row, used again
	err := read.rowsOf(ctx, tx, func(row [][]byte, size int) error {
		if o.Size += int64(size); o.Size > r.options.MaxMemory {
			return syntax.Failed("its result has more than the %d bytes that it may hold in memory", r.options.MaxMemory).
				Try("select less, or raise QueryOptions.MaxMemory: a live query reads its result as a whole")
		}
		shown := row[:r.shown:r.shown]
		o.Result.rows = append(o.Result.rows, shown)
		o.Result.keys = append(o.Result.keys, r.keyOf(row))
		text = appendRow(text[:0], shown)
		hash.Write(text)
		return ctx.Err()
	})
	hash.Write([]byte("rows"))
	o.Digest = [sha256.Size]byte(hash.Sum(nil))
	return err
}

// keyOf returns what tells a row apart: the further columns, or all of DISTINCT.
func (r *liveRun) keyOf(row [][]byte) string {
	if r.q.plan.Distinct {
		return string(appendRow(nil, row))
	}
	return string(appendRow(nil, row[r.shown:]))
}

// appendRow appends the columns with their lengths, so that different rows give different bytes.
func appendRow(dst []byte, row [][]byte) []byte {
	for _, column := range row {
		n := int64(len(column))
		if column == nil {
			n = -1 // missing
		}
		dst = append(binary.AppendVarint(dst, n), column...)
	}
	return dst
}
