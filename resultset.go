package tandem

import (
	"context"
	"iter"
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/queries"
)

// ResultSet has the rows of one run of a query, from one snapshot of the database. It belongs to
// one goroutine. Up to 4 MiB of rows are in memory when [Query.Execute] returns. A larger result
// is read as the rows are taken, and holds a connection to the database until its end or
// [ResultSet.Close]. A result in a batch or View (see [Batch.Context], [Database.View]) is read as a whole at once.
type ResultSet struct {
	columns []string
	rows    [][][]byte // read and not yet given

	portions <-chan portion // nil when all was read
	run      *queryRun      // nil in a batch or View
	err      error          // why there are no more rows
}

// portionSize bounds the bytes of rows that are read ahead.
const portionSize = 4 << 20

// maxOpenResults bounds the results of a database that hold a connection at the same time.
const maxOpenResults = 32

// portion is some rows of a result.
type portion struct {
	rows [][][]byte
	last bool
	err  error
}

// Execute runs the query, with given parameters over those that were set. The context ends the run, also
// while rows are taken. It fails with [ErrInvalidParameter], [ErrInvalidQuery] if the query cannot be run with these
// parameters, [ErrNotFound] if a collection is gone, or [ErrBusy] when 32 large results are open, which would be
// closed first.
func (q *Query) Execute(ctx context.Context, given ...Parameters) (*ResultSet, error) {
	params, err := q.with(given)
	if err != nil {
		return nil, err
	}
	if q.db.joined(ctx) != nil {
		return q.executeJoined(ctx, params)
	}
	run := &queryRun{db: q.db, done: make(chan struct{})}
	ctx, run.cancel = context.WithCancel(ctx)
	if err := q.db.register(run); err != nil {
		run.cancel()
		return nil, err
	}
	portions := make(chan portion)
	go run.read(ctx, q, params, portions)
	r := &ResultSet{columns: q.Columns(), portions: portions, run: run}
	if !r.next() {
		r.Close()
		return nil, r.err
	}
	return r, nil
}

// executeJoined runs the query in the transaction that ctx joins. Rows that are read later would hold that up.
func (q *Query) executeJoined(ctx context.Context, params map[string]value.Value) (*ResultSet, error) {
	r := &ResultSet{columns: q.Columns()}
	err := q.db.view(ctx, func(tx *store.Tx) error {
		return tx.Query(q.plan, params, func(rows *queries.Rows) error {
			row, _ := readRow(rows, len(r.columns))
			r.rows = append(r.rows, row)
			return ctx.Err()
		})
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// next waits for the next portion, and reports whether it was read without an error.
func (r *ResultSet) next() bool {
	p, ok := <-r.portions
	if !ok { // it was ended before it could send its last portion
		<-r.run.done
		p = portion{last: true, err: r.run.failed}
	}
	r.rows, r.err = p.rows, p.err
	if p.last {
		r.portions = nil
		r.run.stop()
	}
	return r.err == nil
}

// Columns returns the names of the columns.
func (r *ResultSet) Columns() []string { return slices.Clone(r.columns) }

// All gives the rows that were not given yet. An error ends the sequence. Leaving the loop closes the result.
func (r *ResultSet) All() iter.Seq2[*Result, error] {
	return func(yield func(*Result, error) bool) {
		defer r.Close()
		for {
			for len(r.rows) > 0 {
				row := r.rows[0]
				r.rows = r.rows[1:]
				if !yield(&Result{r.columns, row}, nil) {
					return
				}
			}
			if r.portions == nil || !r.next() {
				break
			}
		}
		if r.err != nil {
			yield(nil, r.err)
		}
	}
}

// Close ends the result; rows that were not given are dropped. Closing twice is harmless.
func (r *ResultSet) Close() {
	r.rows, r.portions = nil, nil
	if r.run != nil {
		r.run.stop()
	}
}

// queryRun is the goroutine that reads a result.
type queryRun struct {
	db     *Database
	cancel context.CancelFunc
	done   chan struct{} // closed when it has ended
	failed error         // why it was ended from outside; read after done
}

// read sends the rows in portions until the last.
func (run *queryRun) read(ctx context.Context, q *Query, params map[string]value.Value, portions chan<- portion) {
	defer close(run.done)
	defer run.db.unregister(run)
	defer close(portions)
	send := func(p portion) error {
		if err := ctx.Err(); err != nil { // select would take either
			return err
		}
		select {
		case portions <- p:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	large := false // and counted among the open results
	defer func() {
		if large {
			run.db.openResults.Add(-1)
		}
	}()
	var rows [][][]byte
	size := 0
	err := run.db.store.View(ctx, func(tx *store.Tx) error {
		return tx.Query(q.plan, params, func(r *queries.Rows) error {
			row, n := readRow(r, len(q.plan.Columns))
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
	if ended := send(portion{rows: rows, last: true, err: err}); err == nil {
		err = ended
	}
	run.failed = err
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

// stop ends the run and waits for it.
func (run *queryRun) stop() {
	run.cancel()
	<-run.done
}
