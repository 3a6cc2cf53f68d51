package postgres

import (
	"context"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// names gives statements the schema of a database. A pooler may run each transaction on another session, so no
// session knows the schema: statements write @hub for the table hub of the schema.
type names struct {
	prefix string // the schema's quoted name and a dot
}

// in returns a statement with the names of the schema.
func (n *names) in(sql string) string { return strings.ReplaceAll(sql, "@", n.prefix) }

// exec runs a statement on a connection of the pool. It runs it again if the server has undone it for another's sake.
func (db *database) exec(ctx context.Context, sql string, args ...any) (tag pgconn.CommandTag, err error) {
	err = repeating(ctx, func() error {
		w := db.await(ctx)
		tag, err = db.pool.Exec(w.ctx, db.in(sql), args...)
		return w.end(err)
	})
	return tag, err
}

// lasting is exec for a statement that may keep the server busy for long.
func (db *database) lasting(ctx context.Context, sql string, args ...any) error {
	return repeating(ctx, func() error {
		_, err := db.pool.Exec(ctx, db.in(sql), args...)
		return err
	})
}

// queryRow runs a query of one row on a connection of the pool, as exec does.
func (db *database) queryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return rowOfPool{func(into []any) error {
		return repeating(ctx, func() error {
			w := db.await(ctx)
			return w.end(db.pool.QueryRow(w.ctx, db.in(sql), args...).Scan(into...))
		})
	}}
}

type rowOfPool struct{ scan func(into []any) error }

// Scan runs the query.
func (r rowOfPool) Scan(into ...any) error { return r.scan(into) }

// collect runs a query on a connection of the pool, as exec does, and returns its rows.
func collect[T any](ctx context.Context, db *database, row pgx.RowToFunc[T], sql string, args ...any) (all []T, err error) {
	err = repeating(ctx, func() error {
		w := db.await(ctx)
		rows, err := db.pool.Query(w.ctx, db.in(sql), args...)
		if err == nil {
			all, err = pgx.CollectRows(rows, row)
		}
		return w.end(err)
	})
	return all, err
}

// transact runs fn in a transaction, again if the server has undone it for another's sake.
func (db *database) transact(ctx context.Context, fn func(pgx.Tx) error) error {
	return repeating(ctx, func() error { return pgx.BeginFunc(ctx, db.pool, fn) })
}

// queue is a pipeline of statements.
type queue struct {
	pgx.Batch
	names *names
}

// add adds a statement with names of the schema.
func (q *queue) add(sql string, args ...any) { q.Queue(q.names.in(sql), args...) }
