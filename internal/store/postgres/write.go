package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store/row"
)

// Bounds of a transaction that writes.
const (
	statementTime = time.Minute // of one exchange with the server
	retryTime     = 30 * time.Second
	firstPause    = 5 * time.Millisecond
	longestPause  = time.Second
)

// writer is the transaction that holds the lock of all writers.
type writer struct {
	reader
	state   row.State
	number  int32 // of the node
	epoch   int64 // of its lease
	batch   int64 // of the node's commits
	flushed bool  // the transaction has written something that a later one cannot repeat
}

// Write waits for the lock. It tries again while the server cannot be used, until ctx is done.
func (db *database) Write(ctx context.Context) (row.Writer, row.State, error) {
	w := &writer{reader: reader{db: db, ctx: ctx}}
	err := w.retrying(ctx, w.begin)
	if err != nil {
		return nil, row.State{}, wrapped(err)
	}
	return w, w.state, nil
}

// retrying calls try until it succeeds, fails for good, or has failed for too long.
func (w *writer) retrying(ctx context.Context, try func() error) error {
	pause := firstPause
	for deadline := time.Now().Add(retryTime); ; {
		err := try()
		if err == nil || !mayPass(err) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

// bounded returns a context for one exchange with the server. The caller's context does not end it: whether a
// commit has arrived must be known.
func bounded() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), statementTime)
}

// begin takes the lock, checks the lease, and reads what writers need, in one exchange.
func (w *writer) begin() error {
	w.abandon()
	ctx, cancel := bounded()
	defer cancel()
	conn, err := w.db.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	w.conn = conn
	w.reader.ctx = context.Background()
	number, epoch := w.db.node.lease()
	if w.state.Commits != 0 && (number != w.number || epoch != w.epoch) {
		w.abandon()
		return writtenMeanwhile()
	}
	batch := &pgx.Batch{}
	batch.Queue(`BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE`)
	batch.Queue(`UPDATE hub SET commits = commits + 1 RETURNING commits, versioning`)
	batch.Queue(`UPDATE node SET batch = batch + 1, until = clock_timestamp() + $3::interval
		WHERE number = $1 AND epoch = $2 RETURNING batch, clock, source`, number, epoch, leaseTime)
	batch.Queue(`SELECT number, scope, name, last, live FROM collection ORDER BY number`)
	batch.Queue(`SELECT key, value FROM setting`)
	results := w.conn.SendBatch(ctx, batch)
	next := row.State{Settings: make(map[string]int64)}
	err = w.readState(results, &next)
	if closing := results.Close(); err == nil {
		err = closing
	}
	if err != nil {
		w.abandon()
	}
	if errors.Is(err, errLeaseLost) {
		if err := w.db.node.acquire(ctx, w.db); err != nil {
			return err
		}
		return w.begin()
	}
	if err != nil {
		return err
	}
	if w.state.Commits != 0 && w.state.Commits != next.Commits {
		w.abandon()
		return writtenMeanwhile()
	}
	w.state, w.number, w.epoch = next, number, epoch
	if before := w.db.seen.Load(); next.Commits <= before { // this commit would be the one after all others
		w.db.lost(ctx, before, next.Commits-1)
		w.state.Commits = 0
		return w.begin()
	}
	return nil
}

// writtenMeanwhile is why a transaction cannot be begun again where it was.
func writtenMeanwhile() error {
	return fault.ConnectionLost.Says("the connection to the database server was lost, and another node has written meanwhile").
		Try("try again: nothing of this was stored")
}

var errLeaseLost = fault.Busy.Says("another node has taken the source of this one")

func (w *writer) readState(results pgx.BatchResults, s *row.State) error {
	if _, err := results.Exec(); err != nil {
		return err
	}
	w.begun = true
	if err := results.QueryRow().Scan(&s.Commits, &s.Versioning); err != nil {
		return err
	}
	var source []byte
	switch err := results.QueryRow().Scan(&w.batch, &s.Clock, &source); {
	case errors.Is(err, pgx.ErrNoRows):
		return errLeaseLost
	case err != nil:
		return err
	}
	copy(s.Source[:], source)
	rows, err := results.Query()
	if err != nil {
		return err
	}
	err = eachRow(rows, func(rows pgx.Rows) error {
		var c row.Collection
		err := rows.Scan(&c.Number, &c.Scope, &c.Name, &c.Last, &c.Live)
		s.Collections = append(s.Collections, c)
		return err
	})
	if err != nil {
		return err
	}
	if rows, err = results.Query(); err != nil {
		return err
	}
	return eachRow(rows, func(rows pgx.Rows) error {
		var key string
		var value int64
		err := rows.Scan(&key, &value)
		s.Settings[key] = value
		return err
	})
}

// abandon gives the connection back, and undoes the transaction.
func (w *writer) abandon() {
	if w.conn != nil {
		w.End()
	}
	w.begun = false
}

// resuming repeats a read on a new connection if the old one was lost, and nobody has written meanwhile.
func (w *writer) resuming(read func() error) error {
	err := read()
	if err == nil || w.flushed || fault.Of(err) == nil || !isLoss(fault.Of(err).Err) {
		return err
	}
	if err := w.retrying(context.Background(), w.begin); err != nil {
		return w.note(err)
	}
	w.failed = nil
	return read()
}

func (w *writer) Docs(collection int64, ids []string, body bool) (docs []row.Doc, err error) {
	err = w.resuming(func() error { docs, err = w.reader.Docs(collection, ids, body); return err })
	return docs, err
}

// Failed returns what has undone the transaction.
func (w *writer) Failed() error { return w.failed }

// Mark sets a savepoint, in place of an earlier one.
func (w *writer) Mark() error {
	w.flushed = true
	return w.exec(`SAVEPOINT member`)
}

// Undo goes back to the savepoint.
func (w *writer) Undo() error { return w.exec(`ROLLBACK TO member`) }

func (w *writer) exec(sql string, args ...any) error {
	ctx, cancel := bounded()
	defer cancel()
	_, err := w.conn.Exec(ctx, sql, args...)
	return w.note(err)
}

// Flush writes a batch.
func (w *writer) Flush(b *row.Batch) error {
	w.flushed = true
	batch := &pgx.Batch{}
	if err := w.queue(batch, b); err != nil || batch.Len() == 0 {
		return err
	}
	ctx, cancel := bounded()
	defer cancel()
	return w.note(w.conn.SendBatch(ctx, batch).Close())
}

// Commit writes a batch and commits, in one exchange. If the connection is lost meanwhile, it asks on another
// whether the commit has arrived, and repeats what has not.
func (w *writer) Commit(b *row.Batch) error {
	defer func() { w.abandon() }()
	err := w.commit(b)
	for deadline := time.Now().Add(retryTime); err != nil && isLoss(err); {
		arrived, asking := w.ask()
		if asking != nil {
			return fault.ConnectionLost.Says("the connection to the database server was lost during a commit, and it cannot be known whether it was stored").
				Because(asking).Try("look whether the change was stored, and try again")
		}
		if arrived {
			err = nil
			break
		}
		if w.flushed || time.Now().After(deadline) {
			break
		}
		if err = w.retrying(context.Background(), w.begin); err == nil {
			err = w.commit(b)
		}
	}
	if err != nil {
		return wrapped(err)
	}
	w.db.raise(w.state.Commits)
	w.db.tell()
	return nil
}

func (w *writer) commit(b *row.Batch) error {
	batch := &pgx.Batch{}
	if err := w.queue(batch, b); err != nil {
		return err
	}
	if b.Clock > w.state.Clock {
		batch.Queue(`UPDATE node SET clock = $2 WHERE number = $1`, w.number, b.Clock)
	}
	batch.Queue(`COMMIT`)
	ctx, cancel := bounded()
	defer cancel()
	results := w.conn.SendBatch(ctx, batch)
	var err error
	for range batch.Len() {
		tag, failed := results.Exec()
		if failed == nil && tag.String() == "ROLLBACK" {
			failed = fault.Unexpected.Says("the database server undid the transaction")
		}
		if err == nil {
			err = failed
		}
	}
	if closing := results.Close(); err == nil {
		err = closing
	}
	if err == nil {
		w.begun = false
	}
	return err
}

// ask finds out whether the commit of this batch has arrived. The row's lock makes it wait for an old
// transaction that still runs on the server. Once another node has the lease, its batches count on, and the
// answer is lost.
func (w *writer) ask() (arrived bool, err error) {
	w.abandon()
	err = w.retrying(context.Background(), func() error {
		ctx, cancel := bounded()
		defer cancel()
		var batch, epoch int64
		err := w.db.pool.QueryRow(ctx, `SELECT batch, epoch FROM node WHERE number = $1 FOR UPDATE`, w.number).Scan(&batch, &epoch)
		if err == nil && epoch != w.epoch {
			return errLeaseLost
		}
		arrived = batch >= w.batch
		return err
	})
	return arrived, err
}
