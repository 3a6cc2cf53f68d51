package tandem

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/queries"
)

// reading is one run of a query, as a transaction sees it.
type reading struct {
	q       *Query
	params  map[string]value.Value
	options QueryOptions

	began  time.Time
	waited time.Duration // for those who take the rows
	rows   int

	scanned int64 // without an index
}

// reading begins a run.
func (q *Query) reading(ctx context.Context, given []any) (*reading, error) {
	params, err := q.with(given)
	if err != nil {
		return nil, err
	}
	options, err := q.db.queryOptions(ctx)
	return &reading{q: q, params: params, options: options, began: time.Now()}, err
}

// errTimeout is the cause of a context that has ended with [QueryOptions.Timeout].
var errTimeout = errors.New("the time of the query is over")

// within returns the context of the run, which ends with its time.
func (r *reading) within(ctx context.Context) (context.Context, context.CancelFunc) {
	if r.options.Timeout == 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, r.options.Timeout, errTimeout)
}

// timedOut tells in its own words that an error comes of the run's time.
func (r *reading) timedOut(ctx context.Context, err error) error {
	if err == nil || !errors.Is(err, context.DeadlineExceeded) || !errors.Is(context.Cause(ctx), errTimeout) {
		return err
	}
	return syntax.Failed("it takes more than the %v that it may take", r.options.Timeout).
		Try("raise QueryOptions.Timeout, take the rows sooner, or see with Explain whether an index is missing")
}

// rowsOf reads the rows from a transaction that ctx ends. row gets each with its size in memory, in bytes.
func (r *reading) rowsOf(ctx context.Context, tx *store.Tx, row func(row [][]byte, size int) error) error {
	scanned, err := tx.QueryScanned(ctx, r.q.plan, r.params, r.options.limits(), func(rows *queries.Rows) error {
		if r.rows++; r.options.MaxRows > 0 && r.rows > r.options.MaxRows {
			return syntax.Failed("it has more than the %d rows that it may have", r.options.MaxRows).
				Try("add a LIMIT, or raise QueryOptions.MaxRows")
		}
		return row(readRow(rows, len(r.q.plan.Columns)))
	})
	r.scanned = scanned
	r.warnIfSlow(tx)
	return r.timedOut(ctx, err)
}

// readRow copies a row, and returns about how many bytes it takes.
func readRow(r *queries.Rows, columns int) (row [][]byte, size int) {
	row = make([][]byte, columns)
	var text []byte
	for i := range row {
		start := len(text)
		var there bool
		if text, there = r.AppendJSON(text, i); there {
			row[i] = text[start:len(text):len(text)]
		}
	}
	return row, len(text) + 32*columns + 32
}

// queryRun is the goroutine that reads a result.
type queryRun struct {
	db     *Database
	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended
	failed error         // why it was ended from outside; read after done
}

// read sends the rows in portions until the last.
func (run *queryRun) read(ctx context.Context, r *reading, portions chan<- portion) {
	defer close(run.done)
	defer run.db.unregister(run)
	defer close(portions)
	defer time.AfterFunc(heldTooLong, r.warnOfHolding).Stop()
	large := false // and counted among the open results
	defer func() {
		if large {
			run.db.openResults.Add(-1)
		}
	}()
	send := func(p portion) error { return r.send(ctx, p, portions) }
	var rows [][][]byte
	size := 0
	err := run.db.store.View(ctx, func(tx *store.Tx) error {
		return r.rowsOf(ctx, tx, func(row [][]byte, n int) error {
			rows = append(rows, row)
			if size += n; size < portionSize {
				return nil
			}
			if !large {
				if err := run.count(); err != nil {
					return err
				}
				large = true
			}
			p := portion{rows: rows}
			rows, size = nil, 0
			return send(p)
		})
	})
	err = r.timedOut(ctx, err)
	if ended := send(portion{rows: rows, last: true, err: err, scanned: r.scanned}); err == nil {
		err = r.timedOut(ctx, ended)
	}
	run.failed = err
}

// send waits until p is taken.
func (r *reading) send(ctx context.Context, p portion, to chan<- portion) error {
	if err := ctx.Err(); err != nil { // select would take either
		return err
	}
	began := time.Now()
	defer func() { r.waited += time.Since(began) }()
	select {
	case to <- p:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// count counts a large result, unless too many are open.
func (run *queryRun) count() error {
	if run.db.openResults.Add(1) <= maxOpenResults {
		return nil
	}
	run.db.openResults.Add(-1)
	return fault.Busy.In("run query", run.db.Path()).Says("%d large results are open", maxOpenResults).
		Try("close results, or read them to their end, before more are begun")
}

// heldTooLong is after what time a result that still holds a connection is warned of.
const heldTooLong = 30 * time.Second

func (r *reading) warnOfHolding() {
	r.q.db.logger.Warn("the result of a query is still open: meanwhile the log of the database grows and cannot shrink",
		slog.String("query", r.q.logged()), slog.Duration("since", time.Since(r.began)),
		slog.String("hint", "close results, or read them to their end, sooner"))
}

// stop ends the run and waits for it.
func (run *queryRun) stop() {
	run.cancel()
	<-run.done
}
