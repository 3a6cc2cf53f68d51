package postgres

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store/row"
)

// A copy that is being made has a format that no program opens: this much more than its own. A copy that was cut off
// stays so, and is made anew from its beginning, but for the contents of blobs. Each beginning is an incarnation of its own,
// so that an earlier copier that still runs stores nothing more.
const halfFormat = 1_000_000

var (
	errHalf = fault.CantOpen.Says("the database is a copy that is being made, or that was cut off").
		Try("wait for its end; if it was cut off, make the same copy again: it begins anew")
	errTaken = fault.Invalid.Says("there is a database here already").
			Try("copy to another schema, by ?schema=NAME in the URL, or drop this one")
	errCutOff = fault.Invalid.Says("the copy cannot go on: another one has begun here, or the server has lost a part of it").
			Try("make the copy again: it begins anew")
)

// formatOf returns the format of a database that is created.
func (db *database) formatOf(o row.Options) int {
	if o.CopyOf != nil {
		return halfFormat + format
	}
	return format
}

// admit refuses what may not be opened, and makes the format of a copy its final one.
func (db *database) admit() error {
	half := db.format >= halfFormat
	if half {
		db.format -= halfFormat
	}
	switch {
	case half && !db.copying:
		return errHalf
	case half && db.format != format:
		return fault.Invalid.Says("a program of another version was cut off while it made a copy here").
			Try("drop the schema, and make the copy again")
	case !half && db.copying:
		return errTaken
	case db.format > format:
		return tooNew(db.format)
	}
	return nil
}

// clear empties a copy that begins.
func (db *database) clear(ctx context.Context, o row.Options) error {
	if o.CopyOf == nil {
		return nil
	}
	db.identity.Public, db.identity.Versioning = *o.CopyOf, o.Versioning
	return wrapped(retrying(ctx, func() error { return pgx.BeginFunc(ctx, db.pool, db.clearIn(ctx, o)) }))
}

func (db *database) clearIn(ctx context.Context, o row.Options) func(pgx.Tx) error {
	return func(tx pgx.Tx) error {
		if err := db.dropBlobsOfOther(ctx, tx, o.CopyOf[:]); err != nil {
			return err
		}
		tag, err := tx.Exec(ctx, db.in(`UPDATE @hub SET incarnation = incarnation + 1, line = '', versioning = $1, public = $2
			WHERE format = $3`), o.Versioning, o.CopyOf[:], halfFormat+format)
		if err != nil {
			return err
		}
		if tag.RowsAffected() == 0 { // another copier was faster
			return errTaken
		}
		rows, err := tx.Query(ctx, db.in(`SELECT tab FROM @collection UNION SELECT tab FROM @dropped`))
		if err != nil {
			return err
		}
		tabs, err := pgx.CollectRows(rows, pgx.RowTo[string])
		if err != nil {
			return err
		}
		for _, tab := range tabs {
			if _, err := tx.Exec(ctx, db.in(`DROP TABLE IF EXISTS @`+pgx.Identifier{tab}.Sanitize()+` CASCADE`)); err != nil {
				return err
			}
		}
		_, err = tx.Exec(ctx, db.in(db.engine.ddl(`TRUNCATE @node, @duty, @setting, @collection, @kept, @value, @conflict, @dropped, @inbox, `+
			`@inbox_failed`+restartOf)))
		if err == nil {
			_, err = db.addCollection(ctx, tx, "_default", "_default")
		}
		return err
	}
}

// dropBlobsOfOther removes the contents that a copy of another database has left when it was cut off.
func (db *database) dropBlobsOfOther(ctx context.Context, tx pgx.Tx, public []byte) error {
	_, err := tx.Exec(ctx, db.in(`DELETE FROM @blob WHERE EXISTS (SELECT FROM @hub WHERE format = $1 AND public <> $2)`),
		halfFormat+format, public)
	return err
}

// checkCopy fails for a copy that has met anything but its own copier.
func (w *writer) checkCopy(hub hubRow, leased bool) error {
	db := w.db
	if !db.copying || leased && hub.format == halfFormat+format && hub.incarnation == db.incarnation.Load() &&
		!hub.isElsewhere() && w.state.Commits > db.seen.Load() {
		return nil
	}
	return errCutOff
}

// CopyDone gives the copy its format, in a transaction like all others of the copy: it fails if a part was lost before. Once
// begun, it does not end with ctx.
func (db *database) CopyDone(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return tryWhile(ctx, isKnownToFail, func() error {
		w, _, err := db.Write(ctx, statementTime)
		if err != nil {
			return err
		}
		defer w.End()
		if err := w.(*writer).exec(`UPDATE @hub SET format = $1`, format); err != nil {
			return err
		}
		return w.Commit(&row.Batch{})
	})
}

// isKnownToFail reports whether a transaction has not been stored, and may be when it is tried again.
func isKnownToFail(err error) bool {
	return !errors.Is(err, row.ErrUnknown) && (mayPass(err) || errors.Is(err, fault.ConnectionLost))
}
