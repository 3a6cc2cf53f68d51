package hub

import (
	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/store/postgres"
)

// Option adjusts an engine.
type Option func(*postgres.Engine)

// PostgreSQL returns the engine for URLs postgres://USER@HOST/DATABASE. The driver reads all that its URLs can
// say, and PGPASSWORD, passfiles and service files. ?schema=NAME names the schema of the database, tandem
// if it is left out, so that several databases fit in one of the server. The engine may be used for any
// number of databases.
func PostgreSQL(options ...Option) tandem.Engine {
	var e postgres.Engine
	for _, set := range options {
		set(&e)
	}
	return e
}

// MaxConns bounds the connections of each open database to the server, without the one that waits for news. Less
// than 2 means the default, 8.
func MaxConns(n int) Option {
	return func(e *postgres.Engine) { e.MaxConns = max(0, n) }
}

// Polling has nodes look for each other's commits ten times a second, in place of LISTEN and NOTIFY, which
// poolers in transaction mode and some servers that speak PostgreSQL's protocol lack.
func Polling() Option {
	return func(e *postgres.Engine) { e.Polling = true }
}

// Portable has nodes do without what other servers that speak PostgreSQL's protocol lack: LISTEN, advisory locks, READ COMMITTED,
// collations and triggers; it implies [Polling]. portable=true in the URL does the same.
func Portable() Option {
	return func(e *postgres.Engine) { e.Portable = true }
}

// WithoutPassword returns the URL of a database as people may see it: without its passwords. It returns "" for a text
// that is no URL.
func WithoutPassword(database string) string { return postgres.WithoutPassword(database) }
