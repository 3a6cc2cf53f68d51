package tandem

import (
	"context"
	"iter"
	"slices"

	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/store"
)

// ResultSet has the rows of one run of a query, from one snapshot of the database. It belongs to
// one goroutine. Up to 4 MiB of rows are in memory when [Query.Execute] returns. A larger result
// is read as the rows are taken, and holds a connection to the database until its end or
// [ResultSet.Close]. In a batch or View (see [Batch.Context], [Database.View]), Execute reads the
// whole result.
type ResultSet struct {
	columns []string
	rows    [][][]byte // read and not yet yielded

	portions <-chan portion // nil when all was read
	run      *queryRun      // nil in a batch or View
	err      error          // why there are no more rows
	scanned  int64
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

	scanned int64 // of the last one: see [ResultSet.Scanned]
}

// Execute runs the query. The given parameters override those of [Query.SetParameters]. The end of
// the context ends the run, even while rows are taken. [WithQueryOptions] adds options to a
// context.
//
// Execute fails with [ErrInvalidParameter], a [*QueryError] if the query cannot run with these
// parameters or exceeds a bound, [ErrNotFound] if a collection is gone, or [ErrBusy] while 32
// large results are open: close some of them first.
func (q *Query) Execute(ctx context.Context, given ...any) (*ResultSet, error) {
	read, err := q.reading(ctx, given)
	if err != nil {
		return nil, err
	}
	if q.db.joined(ctx) != nil {
		return q.executeJoined(ctx, read)
	}
	run := &queryRun{db: q.db, done: make(chan struct{})}
	ctx, run.cancel = read.within(ctx)
	if err := q.db.register(run); err != nil {
		run.cancel()
		return nil, err
	}
	portions := make(chan portion)
	go run.read(ctx, read, portions)
	r := &ResultSet{columns: q.Columns(), portions: portions, run: run}
	if !r.next() {
		r.Close()
		return nil, r.err
	}
	return r, nil
}

// executeJoined runs the query in the transaction that ctx joins. It reads all rows, because
// reading them later would hold up the transaction.
func (q *Query) executeJoined(ctx context.Context, read *reading) (*ResultSet, error) {
	r := &ResultSet{columns: q.Columns()}
	var total int64
	ctx, cancel := read.within(ctx)
	defer cancel()
	err := q.db.view(ctx, func(tx *store.Tx) error {
		return read.rowsOf(ctx, tx, func(row [][]byte, size int) error {
			if total += int64(size); total > read.options.MaxMemory {
				return syntax.Failed("its result has more than the %d bytes that it may hold in memory", read.options.MaxMemory).
					Try("select less, or raise QueryOptions.MaxMemory: in a batch or View a result is read as a whole")
			}
			r.rows = append(r.rows, row)
			return ctx.Err()
		})
	})
	if err != nil {
		return nil, err
	}
	r.scanned = read.scanned
	return r, nil
}

// next waits for the next portion, and reports whether the portion was read without an error.
func (r *ResultSet) next() bool {
	p, ok := <-r.portions
	if !ok { // the run ended before it could send its last portion
		<-r.run.done
		p = portion{last: true, err: r.run.failed}
	}
	r.rows, r.err = p.rows, p.err
	if p.last {
		r.portions, r.scanned = nil, p.scanned
		r.run.stop()
	}
	return r.err == nil
}

// Columns returns the names of the columns.
func (r *ResultSet) Columns() []string { return slices.Clone(r.columns) }

// Scanned returns how many rows of collections the query has read one after another, where no index could
// lead to those that count. It is known when all rows were taken, and 0 before.
func (r *ResultSet) Scanned() int64 { return r.scanned }

// All yields the remaining rows. An error ends the sequence. Leaving the loop closes the result.
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

// Close ends the result and drops its remaining rows. Closing twice is harmless.
func (r *ResultSet) Close() {
	r.rows, r.portions = nil, nil
	if r.run != nil {
		r.run.stop()
	}
}
