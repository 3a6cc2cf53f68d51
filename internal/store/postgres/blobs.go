package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tandemdb/tandem/internal/fault"
)

// NewBlob makes the row of a content that has no digest yet.
func (db *database) NewBlob(ctx context.Context) (upload int64, err error) {
	err = db.queryRow(ctx, `INSERT INTO @blob DEFAULT VALUES RETURNING upload`).Scan(&upload)
	return upload, wrapped(err)
}

// PutChunk stores a part of a content.
func (db *database) PutChunk(ctx context.Context, upload int64, n int, data []byte) error {
	_, err := db.exec(ctx, `INSERT INTO @chunk VALUES ($1, $2, $3) ON CONFLICT (upload, n) DO NOTHING`, upload, n, data)
	return wrapped(err)
}

// EndBlob gives a content its digest, unless the database has the content already.
func (db *database) EndBlob(ctx context.Context, upload int64, digest string, size int64) error {
	err := db.transact(ctx, func(tx pgx.Tx) error {
		tag, err := tx.Exec(ctx, db.in(`UPDATE @blob SET touched = clock_timestamp() WHERE digest = $1`), digest)
		if err != nil {
			return err
		}
		if tag.RowsAffected() > 0 {
			_, err = tx.Exec(ctx, db.in(`DELETE FROM @blob WHERE upload = $1`), upload)
			return err
		}
		_, err = tx.Exec(ctx, db.in(`UPDATE @blob SET digest = $2, size = $3, touched = clock_timestamp() WHERE upload = $1`), upload, digest, size)
		return err
	})
	if refused := sqlState(err); refused == "23505" { // another node was first
		db.noteFresh(digest)
		return db.DropBlob(ctx, upload)
	}
	if err == nil {
		db.noteFresh(digest)
	}
	return wrapped(err)
}

// noteFresh notes a content for transactions that began before it was there, if they do not see it.
func (db *database) noteFresh(digest string) {
	if db.engine.Portable {
		db.fresh.add(digest)
	}
}

// DropBlob removes a content that has no digest: one that has may be referred to, though its EndBlob was not answered.
func (db *database) DropBlob(ctx context.Context, upload int64) error {
	_, err := db.exec(ctx, `DELETE FROM @blob WHERE upload = $1 AND digest IS NULL`, upload)
	return wrapped(err)
}

const (
	findBlob  = `SELECT upload, size FROM @blob WHERE digest = $1`
	findChunk = `SELECT data FROM @chunk WHERE upload = $1 AND n = $2`
)

// FindBlob looks for a content.
func (db *database) FindBlob(ctx context.Context, digest string) (upload, size int64, ok bool, err error) {
	err = db.queryRow(ctx, findBlob, digest).Scan(&upload, &size)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, 0, false, nil
	}
	return upload, size, err == nil, wrapped(err)
}

var errNoChunk = fault.NotFound.Says("a part of the content of a blob is missing")

// Chunk reads a part of a content.
func (db *database) Chunk(ctx context.Context, upload int64, n int) (data []byte, err error) {
	err = db.queryRow(ctx, findChunk, upload, n).Scan(&data)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, errNoChunk
	}
	return data, wrapped(err)
}

// OldBlobs lists contents that nobody has touched for so long. It removes uploads that were never finished.
func (db *database) OldBlobs(ctx context.Context, age time.Duration) (digests []string, err error) {
	db.sweep(ctx)
	if err := db.lasting(ctx, `DELETE FROM @blob WHERE digest IS NULL AND touched < clock_timestamp() - $1::interval`, age); err != nil {
		return nil, wrapped(err)
	}
	digests, err = collect(ctx, db, pgx.RowTo[string],
		`SELECT digest FROM @blob WHERE digest IS NOT NULL AND touched < clock_timestamp() - $1::interval`, age)
	return digests, wrapped(err)
}

// CollectBlob removes a content, unless it was touched meanwhile: a transaction that refers to it touches it.
func (db *database) CollectBlob(ctx context.Context, digest string, age time.Duration) error {
	_, err := db.exec(ctx, `DELETE FROM @blob WHERE digest = $1 AND touched < clock_timestamp() - $2::interval`, digest, age)
	return wrapped(err)
}

// HasBlob in a transaction that writes also keeps the content from being collected: it touches the row.
func (w *writer) HasBlob(digest string) (bool, error) {
	ctx, cancel := bounded()
	defer cancel()
	tag, err := w.conn.Exec(ctx, w.db.in(`UPDATE @blob SET touched = clock_timestamp() WHERE digest = $1`), digest)
	has := tag.RowsAffected() > 0
	if err == nil && w.db.fresh.take(digest) && !has {
		err = errOldSnapshot()
	}
	return has, w.note(err)
}
