package store

import (
	"cmp"
	"context"
	"errors"
	"math"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/store/queries"
)

// QueryLimits bound one run of a query. Zero fields do not.
type QueryLimits struct {
	Memory    int64 // bytes that SQLite may use, of those that a connection has
	Temporary int64 // bytes of the temporary files, in which it sorts and groups what is too large for memory
}

// limited runs a query within its limits. What exceeds them is fault.InvalidQuery.
//
// SQLite without memory makes its Go package panic, maybe in the middle of a call. The transaction is lost then.
func (tx *Tx) limited(ctx context.Context, l QueryLimits, run func() error) (err error) {
	if err := tx.alive(); err != nil {
		return err
	}
	c := tx.c
	outer := c.SetInterrupt(ctx)
	defer func() {
		r := recover()
		c.SetInterrupt(outer)
		c.bound(QueryLimits{})
		switch {
		case isOutOfMemory(r):
			err = outOfMemory(l)
			tx.spoil(err)
		case r != nil:
			panic(r)
		case c.GetAutocommit(): // after some errors, such as a full disk, SQLite gives up the transaction
			tx.spoil(err)
		}
	}()
	c.bound(l)
	return c.passing(run)
}

func outOfMemory(l QueryLimits) error {
	return syntax.Failed("it needs more than the %d MiB of memory that it may use", l.Memory>>20).
		Try("make smaller values; a program can raise QueryOptions.MaxMemory")
}

// bound sets the limits of a query.
func (c *conn) bound(l QueryLimits) {
	c.scratch.bound(cmp.Or(l.Temporary, math.MaxInt64))
	c.HardHeapLimit(l.Memory)
}

// isOutOfMemory reports whether SQLite's Go package has panicked with r because a connection may use no more
// memory. The package exports no such error.
func isOutOfMemory(r any) bool {
	err, ok := r.(error)
	return ok && strings.HasSuffix(err.Error(), "out of memory")
}

// queryFault says what SQLite has against a query that was found valid: a function of it has failed, a sum is too
// large, or it needs too much.
func (tx *Tx) queryFault(ctx context.Context, err error, l QueryLimits) error {
	if err == nil {
		return nil
	}
	for _, c := range []context.Context{ctx, tx.ctx} {
		switch {
		case c.Err() == nil:
		case errors.Is(err, sqlite3.ERROR): // a function that heeds the context has failed
			return c.Err()
		default:
			return interrupted(c, err)
		}
	}
	text, refused := queries.Complaint(err)
	switch s := tx.c.scratch; {
	case s.full:
		return syntax.Failed("it sorts or groups more than the %d MiB that its temporary files may have", l.Temporary>>20).
			Try("select less, or create an index that has the order; a program can raise QueryOptions.MaxTemporary")
	case s.failed != nil:
		return fault.IO.In("run query", tx.db.path).Says("no temporary file can be made").Because(s.failed).
			Try("name a folder for temporary files in the environment variable SQLITE_TMPDIR")
	case refused:
		return syntax.Failed("%s", text)
	case errors.Is(err, sqlite3.TOOBIG):
		return syntax.Failed("it makes a value that is too large").Try("make smaller texts and arrays")
	}
	return sqlFault(err, "run query", tx.db.path)
}
