package postgres

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/tandemdb/tandem/internal/store/row"
)

// reader reads in one transaction.
type reader struct {
	db    *database
	ctx   context.Context //nolint:containedctx // a reader is the extent of one view
	conn  connection
	begun bool

	failed error // what has undone a transaction that writes
}

// Read takes a connection. The snapshot is that of the first read.
func (db *database) Read(ctx context.Context) (row.Reader, error) {
	conn, err := db.acquire(ctx)
	if err != nil {
		return nil, wrapped(err)
	}
	return &reader{db: db, ctx: ctx, conn: conn}, nil
}

// connection is one of the pool, or one beside it.
type connection interface {
	executor
	Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error)
	SendBatch(ctx context.Context, b *pgx.Batch) pgx.BatchResults
	Conn() *pgx.Conn
	Release()
}

// patience is how long a view waits for a connection of the pool.
const patience = 500 * time.Millisecond

// acquire opens a connection beside the pool if none becomes free: those who hold them may be waiting for the
// caller, since a view may begin another.
func (db *database) acquire(ctx context.Context) (connection, error) {
	waiting, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	conn, err := db.pool.Acquire(waiting)
	if err == nil {
		return conn, nil
	}
	if ctx.Err() != nil || waiting.Err() == nil {
		return nil, err
	}
	own, err := pgx.ConnectConfig(ctx, db.pool.Config().ConnConfig)
	if err != nil {
		return nil, err
	}
	return beside{own}, nil
}

// beside is a connection of its own.
type beside struct{ pgxConn }

type pgxConn = *pgx.Conn

// Conn returns the connection itself.
func (c beside) Conn() *pgx.Conn { return c.pgxConn }

// Release closes the connection.
func (c beside) Release() {
	ctx, cancel := context.WithTimeout(context.Background(), newsTime)
	defer cancel()
	_ = c.Close(ctx) // it has nothing to save
}

// each runs a query, which also begins the transaction, and calls row for each of its rows. A transaction that the server
// undoes at once begins again, and so does one, once, whose connection was lost before.
func (r *reader) each(sql string, row func(pgx.Rows) error, args ...any) error {
	if r.conn == nil { // it was lost, and there was no other
		return r.failed
	}
	sql = r.db.in(sql)
	if r.begun {
		w := r.db.await(r.ctx)
		rows, err := r.conn.Query(w.ctx, sql, args...)
		if err == nil {
			err = eachRow(rows, w.row(row))
		}
		return r.note(w.end(err))
	}
	yielded, lost, again := false, false, false
	counting := func(rows pgx.Rows) error {
		yielded = true
		return row(rows)
	}
	return r.note(tryWhile(r.ctx, func(error) bool { return again }, func() (err error) {
		again = false
		if r.conn == nil {
			if r.conn, err = r.db.acquire(r.ctx); err != nil {
				return err
			}
		}
		err = r.first(sql, counting, args)
		if err == nil || yielded || r.ctx.Err() != nil {
			return err
		}
		if again = isUndone(err) || isLoss(err) && !lost; again {
			r.End()
			r.begun = false
			if !isUndone(err) {
				lost = true
				r.db.pool.Reset() // the others that were idle are lost, too
			}
		}
		return err
	}))
}

// first begins the transaction with a query.
func (r *reader) first(sql string, row func(pgx.Rows) error, args []any) error {
	batch := &pgx.Batch{}
	batch.Queue(r.db.engine.beginRead())
	batch.Queue(sql, args...)
	w := r.db.await(r.ctx)
	results := r.conn.SendBatch(w.ctx, batch)
	_, err := results.Exec()
	if err == nil {
		r.begun = true
		var rows pgx.Rows
		if rows, err = results.Query(); err == nil {
			err = eachRow(rows, w.row(row))
		}
	}
	if closing := results.Close(); err == nil {
		err = closing
	}
	return w.end(err)
}

// callersError is the error of whoever is given rows: it ends no transaction.
type callersError struct{ error }

// note remembers a failure, which ends the transaction.
func (r *reader) note(err error) error {
	if its, ok := err.(callersError); ok { //nolint:errorlint // nobody wraps it
		return its.error
	}
	if err != nil && context.Cause(r.ctx) == error(row.ErrTooLong) { //nolint:errorlint // nobody wraps it
		err = row.ErrTooLong
	}
	if sqlState(err) == undefinedTable { // the columns were checked when the database was opened
		err = wasDeleted()
	}
	if err != nil && r.failed == nil {
		r.failed = wrapped(err)
	}
	return wrapped(err)
}

func eachRow(rows pgx.Rows, row func(pgx.Rows) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := row(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}

// one runs a query of at most one row, and reports whether there was one.
func (r *reader) one(sql string, into []any, args ...any) (found bool, err error) {
	err = r.each(sql, func(rows pgx.Rows) error {
		found = true
		return rows.Scan(into...)
	}, args...)
	return found, err
}

// End ends the transaction, and closes a connection that is not sound any more.
func (r *reader) End() {
	if r.conn == nil {
		return
	}
	if r.begun && !r.conn.Conn().IsClosed() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(r.ctx), newsTime)
		if _, err := r.conn.Exec(ctx, `ROLLBACK`); err != nil {
			_ = r.conn.Conn().Close(ctx) // err says that it is lost already
		}
		cancel()
	}
	r.conn.Release()
	r.conn = nil
}

func (r *reader) table(collection int64) (string, error) {
	w := r.db.await(r.ctx)
	name, err := r.db.table(w.ctx, r.conn, collection)
	if err = w.end(err); isUndone(err) {
		err = r.note(err)
	}
	return name, wrapped(err)
}

func (r *reader) Collections() (all []row.Collection, err error) {
	err = r.each(`SELECT number, scope, name, last, live FROM @collection ORDER BY scope, name`, func(rows pgx.Rows) error {
		var c row.Collection
		err := rows.Scan(&c.Number, &c.Scope, &c.Name, &c.Last, &c.Live)
		all = append(all, c)
		return err
	})
	return all, err
}

// columns are what scanDoc reads.
func columns(body bool) string {
	if body {
		return `SELECT seq, id, flags, rev, history, known, coalesce(expiry, 0), octet_length(body), body FROM `
	}
	return `SELECT seq, id, flags, rev, history, known, coalesce(expiry, 0), octet_length(body), NULL FROM `
}

func scanDoc(rows pgx.Rows, d *row.Doc) error {
	d.Body = nil
	var body pgtype.DriverBytes
	if err := rows.Scan(&d.Sequence, &d.ID, &d.Flags, &d.Rev, &d.History, &d.Known, &d.Expiry, &d.Size, &body); err != nil {
		return err
	}
	if body != nil {
		d.Body = append(make([]byte, 0, len(body)), body...)
	}
	return nil
}

func (r *reader) Docs(collection int64, ids []string, body bool) (docs []row.Doc, err error) {
	return r.docs(collection, body, `id = ANY($1)`, texts(ids))
}

// texts leaves out what no column of text can hold: the server would end the transaction, which may be of others.
func texts(all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(s string) bool {
		return !utf8.ValidString(s) || strings.ContainsRune(s, 0)
	})
}

func (r *reader) At(collection int64, seqs []int64) ([]row.Doc, error) {
	return r.docs(collection, true, `seq = ANY($1)`, seqs)
}

func (r *reader) docs(collection int64, body bool, where string, args ...any) (docs []row.Doc, err error) {
	table, err := r.table(collection)
	if err != nil {
		return nil, err
	}
	err = r.each(columns(body)+table+` WHERE `+where, func(rows pgx.Rows) error {
		docs = append(docs, row.Doc{})
		return scanDoc(rows, &docs[len(docs)-1])
	}, args...)
	return docs, err
}

func (r *reader) List(collection int64, l row.Listing, each func(*row.Doc) error) error {
	table, err := r.table(collection)
	if err != nil {
		return err
	}
	if len(texts([]string{l.Digest})) == 0 {
		return nil // no content has such a digest
	}
	where, args := selection(l)
	var d row.Doc
	return r.each(columns(l.Body)+table+` WHERE `+where, func(rows pgx.Rows) error {
		if err := scanDoc(rows, &d); err != nil {
			return err
		}
		if err := each(&d); err != nil {
			return callersError{err}
		}
		return nil
	}, args...)
}

func (r *reader) CountSince(collection, since int64) (n int64, err error) {
	table, err := r.table(collection)
	if err != nil {
		return 0, err
	}
	_, err = r.one(`SELECT count(*) FROM `+table+` WHERE seq > $1`, []any{&n}, since)
	return n, err
}

func (r *reader) NextExpiry(collection int64) (at int64, err error) {
	table, err := r.table(collection)
	if err != nil {
		return 0, err
	}
	_, err = r.one(`SELECT coalesce(min(expiry), 0) FROM `+table+` WHERE expiry IS NOT NULL`, []any{&at})
	return at, err
}

func (r *reader) Kept(collection int64, ids []string) (all []row.Kept, err error) {
	err = r.each(`SELECT id, remote, rev, history, flags, base FROM @kept WHERE collection = $1 AND id = ANY($2) ORDER BY id, remote, rev`,
		func(rows pgx.Rows) error {
			k := row.Kept{KeptKey: row.KeptKey{Collection: collection}}
			err := rows.Scan(&k.ID, &k.Remote, &k.Rev, &k.History, &k.Flags, &k.Base)
			all = append(all, k)
			return err
		}, collection, texts(ids))
	return all, err
}

func (r *reader) KeptBody(k row.KeptKey) (body []byte, err error) {
	var text string
	_, err = r.one(`SELECT body FROM @kept WHERE collection = $1 AND id = $2 AND remote = $3 AND rev = $4`, []any{&text},
		k.Collection, k.ID, k.Remote, k.Rev)
	return []byte(text), err
}

func (r *reader) KeptOf(collection int64, ids []string, each func(*row.Kept) error) error {
	return r.each(`SELECT id, remote, rev, history, flags, base, body FROM @kept WHERE collection = $1 AND id = ANY($2) ORDER BY id, remote, rev`,
		func(rows pgx.Rows) error {
			k := row.Kept{KeptKey: row.KeptKey{Collection: collection}}
			var body string
			if err := rows.Scan(&k.ID, &k.Remote, &k.Rev, &k.History, &k.Flags, &k.Base, &body); err != nil {
				return err
			}
			k.Body = []byte(body)
			if err := each(&k); err != nil {
				return callersError{err}
			}
			return nil
		}, collection, texts(ids))
}

func (r *reader) KeptBlobs(collection int64, each func(body []byte) error) error {
	return r.each(`SELECT body FROM @kept WHERE collection = $1 AND flags & 12 <> 0`, func(rows pgx.Rows) error {
		var text string
		if err := rows.Scan(&text); err != nil {
			return err
		}
		if err := each([]byte(text)); err != nil {
			return callersError{err}
		}
		return nil
	}, collection)
}

func (r *reader) Value(space, key string) (value []byte, err error) {
	_, err = r.one(`SELECT value FROM @value WHERE space = $1 AND key = $2`, []any{&value}, space, key)
	return value, err
}

func (r *reader) Values(space string, each func(key string, value []byte)) error {
	return r.each(`SELECT key, value FROM @value WHERE space = $1 ORDER BY key`, func(rows pgx.Rows) error {
		var key string
		var value []byte
		if err := rows.Scan(&key, &value); err != nil {
			return err
		}
		each(key, value)
		return nil
	}, space)
}

func (r *reader) Spaces() (all []string, err error) {
	err = r.each(`SELECT DISTINCT space FROM @value ORDER BY space`, func(rows pgx.Rows) error {
		var space string
		err := rows.Scan(&space)
		all = append(all, space)
		return err
	})
	return all, err
}

func (r *reader) Settings() (map[string]int64, error) {
	all := make(map[string]int64)
	err := r.each(`SELECT key, value FROM @setting`, func(rows pgx.Rows) error { return scanSetting(rows, all) })
	return all, err
}

func scanSetting(rows pgx.Rows, into map[string]int64) error {
	var key string
	var value int64
	err := rows.Scan(&key, &value)
	into[key] = value
	return err
}

func (r *reader) NthValue(space string, n int) (value []byte, err error) {
	_, err = r.one(`SELECT value FROM @value WHERE space = $1 ORDER BY value LIMIT 1 OFFSET $2`, []any{&value}, space, n)
	return value, err
}

func (r *reader) Conflicts(collection, id string, before int64, limit int) (all []row.Conflict, err error) {
	if len(texts([]string{collection, id})) < 2 {
		return nil, nil
	}
	err = r.each(`SELECT number, time, collection, id, remote, winner, why, local_rev, local_deleted, local_body,
			remote_rev, remote_deleted, remote_body, result_rev FROM @conflict
			WHERE number < $1 AND ($2 = '' OR collection = $2) AND ($3 = '' OR id = $3) ORDER BY number DESC LIMIT $4`,
		func(rows pgx.Rows) error {
			var c row.Conflict
			var bodies [2]string
			local, remote := &c.Sides[0], &c.Sides[1]
			err := rows.Scan(&c.Number, &c.Time, &c.Collection, &c.ID, &c.Remote, &c.Winner, &c.Why, &local.Rev, &local.Deleted,
				&bodies[0], &remote.Rev, &remote.Deleted, &bodies[1], &c.Result)
			local.Body, remote.Body = []byte(bodies[0]), []byte(bodies[1])
			all = append(all, c)
			return err
		}, before, collection, id, limit)
	return all, err
}

func (r *reader) FindBlob(digest string) (upload, size int64, ok bool, err error) {
	ok, err = r.one(findBlob, []any{&upload, &size}, digest)
	return upload, size, ok, err
}

func (r *reader) Chunk(upload int64, n int) (data []byte, err error) {
	found, err := r.one(findChunk, []any{&data}, upload, n)
	if err == nil && !found {
		return nil, errNoChunk
	}
	return data, err
}

func (r *reader) HasBlob(digest string) (bool, error) {
	var one int
	return r.one(`SELECT 1 FROM @blob WHERE digest = $1`, []any{&one}, digest)
}
