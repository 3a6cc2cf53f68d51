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

// exec runs a statement on a connection of the pool.
func (db *database) exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	return db.pool.Exec(ctx, db.in(sql), args...)
}

// queryRow runs a query of one row on a connection of the pool.
func (db *database) queryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	return db.pool.QueryRow(ctx, db.in(sql), args...)
}

// queue is a pipeline of statements.
type queue struct {
	pgx.Batch
	names *names
}

// add adds a statement with names of the schema.
func (q *queue) add(sql string, args ...any) { q.Queue(q.names.in(sql), args...) }
