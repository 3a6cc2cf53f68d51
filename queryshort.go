package tandem

import (
	"context"
	"iter"

	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/queries"
)

// Query compiles and runs a query, and yields its rows. A cache keeps recently compiled queries:
//
//	for row, err := range db.Query(ctx, "SELECT name FROM travel.hotels WHERE country = $c", tandem.Parameters{"c": "France"}) {
//
// An error ends the sequence. Leaving the loop ends the query.
func (db *Database) Query(ctx context.Context, text string, given ...any) iter.Seq2[*Result, error] {
	return func(yield func(*Result, error) bool) {
		q, err := db.cached.query(ctx, db, text)
		if err != nil {
			yield(nil, err)
			return
		}
		rows, err := q.Execute(ctx, given...)
		if err != nil {
			yield(nil, err)
			return
		}
		rows.All()(yield)
	}
}

// QueryCount compiles a query as [Database.Query] does, and returns the number of its rows.
func (db *Database) QueryCount(ctx context.Context, text string, given ...any) (int64, error) {
	q, err := db.cached.query(ctx, db, text)
	if err != nil {
		return 0, err
	}
	return q.Count(ctx, given...)
}

// QueryExists compiles a query as [Database.Query] does, and reports whether it has any row.
func (db *Database) QueryExists(ctx context.Context, text string, given ...any) (bool, error) {
	q, err := db.cached.query(ctx, db, text)
	if err != nil {
		return false, err
	}
	return q.Exists(ctx, given...)
}

// Count runs the query and returns the number of rows without yielding them. Its parameters and
// errors are those of [Query.Execute].
func (q *Query) Count(ctx context.Context, given ...any) (n int64, err error) {
	err = q.short(ctx, given, func(ctx context.Context, tx *store.Tx, r *reading) error {
		n, err = tx.QueryCount(ctx, q.plan, r.params, r.options.limits())
		return err
	})
	return n, err
}

// Exists runs the query up to its first row, and reports whether the query has any row. Its
// parameters and errors are those of [Query.Execute].
func (q *Query) Exists(ctx context.Context, given ...any) (found bool, err error) {
	err = q.short(ctx, given, func(ctx context.Context, tx *store.Tx, r *reading) error {
		found, err = tx.QueryExists(ctx, q.plan, r.params, r.options.limits())
		return err
	})
	return found, err
}

// Scanned runs the query without yielding its rows, and returns how many rows of collections it has read one
// after another, where no index could lead to those that count. Its parameters and errors are those of
// [Query.Execute].
func (q *Query) Scanned(ctx context.Context, given ...any) (rows int64, err error) {
	err = q.short(ctx, given, func(ctx context.Context, tx *store.Tx, r *reading) error {
		rows, err = tx.QueryScanned(ctx, q.plan, r.params, r.options.limits(), func(*queries.Rows) error { return ctx.Err() })
		return err
	})
	return rows, err
}

// short runs a query that yields no rows.
func (q *Query) short(ctx context.Context, given []any, run func(context.Context, *store.Tx, *reading) error) error {
	r, err := q.reading(ctx, given)
	if err != nil {
		return err
	}
	ctx, cancel := r.within(ctx)
	defer cancel()
	err = q.db.view(ctx, func(tx *store.Tx) error {
		err := run(ctx, tx, r)
		r.warnIfSlow(tx)
		return err
	})
	return r.timedOut(ctx, err)
}

// Select runs a query as [Database.Query] does, and decodes each row by [Result.Decode]:
//
//	for hotel, err := range tandem.Select[Hotel](ctx, db, "SELECT name, city FROM travel.hotels") {
func Select[T any](ctx context.Context, db *Database, text string, given ...any) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for row, err := range db.Query(ctx, text, given...) {
			var v T
			if err == nil {
				err = row.Decode(&v)
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// Collect decodes all rows of a result by [Result.Decode]. Its arguments are the two results of
// [Query.Execute], so that a call can be passed directly:
//
//	hotels, err := tandem.Collect[Hotel](query.Execute(ctx))
func Collect[T any](rows *ResultSet, err error) ([]T, error) {
	if err != nil {
		return nil, err
	}
	all := []T{}
	for row, err := range rows.All() {
		if err != nil {
			return nil, err
		}
		var v T
		if err := row.Decode(&v); err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, nil
}
