package postgres

import (
	"context"
	"log/slog"

	"github.com/jackc/pgx/v5"
)

// dropTable removes a table under the lock of all writers: a new collection of the name may take over the view.
func (db *database) dropTable(ctx context.Context, number int64, tab string) error {
	return db.transact(ctx, func(tx pgx.Tx) error {
		for _, sql := range []string{
			`SET LOCAL lock_timeout = '1s'`, // whoever reads the table must not make all writers wait
			`SELECT 1 FROM @hub FOR UPDATE`,
			`DROP TABLE IF EXISTS @` + pgx.Identifier{tab}.Sanitize() + ` CASCADE`,
		} {
			if _, err := tx.Exec(ctx, db.in(sql)); err != nil {
				return err
			}
		}
		_, err := tx.Exec(ctx, db.in(`UPDATE @dropped SET waits = false WHERE number = $1`), number)
		return err
	})
}

// sweep removes the tables of dropped collections and what was kept of them. What fails is left to a later call.
func (db *database) sweep(ctx context.Context) {
	type dropped struct {
		Number int64
		Tab    string
	}
	all, err := collect(ctx, db, pgx.RowToStructByPos[dropped], `SELECT number, tab FROM @dropped WHERE waits`)
	for _, d := range all {
		if err != nil {
			break
		}
		if err = db.lasting(ctx, `DELETE FROM @kept WHERE collection = $1`, d.Number); err == nil {
			err = db.dropTable(ctx, d.Number, d.Tab)
		}
	}
	if err != nil && ctx.Err() == nil {
		db.log.Debug("the table of a deleted collection stays for now", slog.String("database", db.place), slog.Any("error", err))
	}
}
