package postgres

import (
	"context"
	"strings"

	"github.com/tandemdb/tandem/internal/fault"
)

// portable makes statements portable: to engines that speak the protocol, and lack some of what PostgreSQL has. They keep texts in the
// order of their bytes without being told, have no compression to leave out, no NOTIFY for a trigger to call, one size of integers, and
// no JSON that stays as it was written.
var portable = strings.NewReplacer(
	storageOf, "", inboxNewsOf, "", restartOf, "", ` COLLATE "C"`, "", " integer ", " bigint ", " json,", " text,",
)

// restartOf has a table that is emptied number its rows from 1 again.
const restartOf = ` RESTART IDENTITY`

// ddl returns statements that make tables, as the engine may have them.
func (e *Engine) ddl(sql string) string {
	if e.Portable {
		return portable.Replace(sql)
	}
	return sql
}

// anyType gives the types of a column that ddl has different ones for one name.
func anyType(column string) string {
	name, of, _ := strings.Cut(column, " ")
	switch of {
	case "integer":
		of = "bigint"
	case "json":
		of = "text"
	}
	return name + " " + of
}

// beginRead begins a transaction that reads a snapshot.
func (e *Engine) beginRead() string {
	if e.Portable {
		return `BEGIN ISOLATION LEVEL SERIALIZABLE READ ONLY`
	}
	return `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY`
}

// beginWrite begins a transaction that waits for the lock of all writers, and then sees what they have committed. A serializable
// one that has waited is undone, and begins again.
func (e *Engine) beginWrite() string {
	if e.Portable {
		return `BEGIN ISOLATION LEVEL SERIALIZABLE READ WRITE`
	}
	return `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE`
}

// lockAll keeps all writers out of a transaction that changes tables.
func (e *Engine) lockAll() string {
	if e.Portable {
		return `SELECT format FROM @hub FOR UPDATE`
	}
	// The strongest lock comes first: writers that wait have one on the table already, and it cannot be raised.
	return `LOCK TABLE @hub IN ACCESS EXCLUSIVE MODE`
}

// hasRaced reports whether a schema could not be made since another node makes it.
func (e *Engine) hasRaced(err error) bool {
	switch sqlState(err) {
	case "23505", "42P06", "42P07", "42710": // a row, a schema, a table or another thing of the name exists
		return e.Portable
	}
	return isUndone(err)
}

// checkOrder fails where texts are not in the order of their bytes.
func (db *database) checkOrder(ctx context.Context) error {
	var binary bool
	err := db.queryRow(ctx, `SELECT 'B'::text < 'a'::text AND 'a-c'::text < 'ab'::text AND 'z'::text < 'ä'::text`).Scan(&binary)
	if err == nil && !binary {
		return fault.Unsupported.Says("the database of the server keeps texts in the order of a language").
			Try("create it anew with the locale C, or leave portable=true out on PostgreSQL")
	}
	return wrapped(err)
}
