package postgres

import (
	"context"
	"errors"
	"math/rand/v2"
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
	shortPause    = 50 * time.Millisecond
	longestPause  = time.Second

	// idleTime is how long a node that hangs may hold the lock of all nodes; shorter than retryTime, so that
	// other nodes outlive it.
	idleTime = `SET LOCAL idle_in_transaction_session_timeout = '15s'`
)

// writer is the transaction that holds the lock of all writers.
type writer struct {
	reader
	state   row.State
	born    int64 // the database's incarnation
	lease   lease
	batch   int64   // of the node's commits
	dropped []int64 // collections that are to be swept away after the commit
	stop    context.CancelFunc
}

// Write waits for the lock. It tries again while the server cannot be used, until ctx is done.
func (db *database) Write(ctx context.Context, longest time.Duration) (row.Writer, row.State, error) {
	w := &writer{reader: reader{db: db, ctx: context.Background()}, stop: func() {}}
	err := retrying(ctx, w.begin)
	if err != nil {
		return nil, row.State{}, wrapped(err)
	}
	w.ctx, w.stop = context.WithTimeoutCause(context.Background(), longest, row.ErrTooLong)
	return w, w.state, nil
}

// End is that of the reader.
func (w *writer) End() {
	w.reader.End()
	w.stop()
}

// retrying calls try until it succeeds, fails for good, or has failed for too long.
func retrying(ctx context.Context, try func() error) error { return tryWhile(ctx, mayPass, try) }

// repeating is retrying for what the server has undone alone: nobody knows of anything else whether it was done.
func repeating(ctx context.Context, try func() error) error { return tryWhile(ctx, isUndone, try) }

func tryWhile(ctx context.Context, may func(error) bool, try func() error) error {
	pause := firstPause
	for deadline := time.Now().Add(retryTime); ; {
		err := try()
		if err == nil || !may(err) || time.Now().After(deadline) {
			return err
		}
		wait := pause
		if isUndone(err) { // the lock of all nodes may have been the cause: nodes must not stay away from it for long
			wait = firstPause + rand.N(min(pause, shortPause))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
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
	w.lease = w.db.node.lease()
	q := &queue{names: &w.db.names}
	q.add(w.db.engine.beginWrite())
	q.add(idleTime)
	q.add(`UPDATE @hub SET commits = commits + 1 RETURNING commits, versioning, format, incarnation, line, ` + w.db.line)
	q.add(`UPDATE @node SET batch = batch + 1, until = clock_timestamp() + $4::interval
		WHERE number = $1 AND epoch = $2 AND source = $3 RETURNING batch, clock`, w.lease.number, w.lease.epoch, w.lease.source[:], leaseTime)
	q.add(`SELECT number, scope, name, last, live, tab FROM @collection ORDER BY number`)
	q.add(`SELECT key, value FROM @setting`)
	results := w.conn.SendBatch(ctx, &q.Batch)
	hub, leased, err := w.readState(results)
	if closing := results.Close(); err == nil {
		err = closing
	}
	if err == nil {
		err = w.check(ctx, hub, leased)
	}
	if err != nil {
		w.abandon()
	}
	if errors.Is(err, errAgain) {
		return w.begin()
	}
	return err
}

// hubRow is what the row of all nodes says besides the state.
type hubRow struct {
	format        int
	incarnation   int64
	line, present string // of the server's history: what is noted, and what is; "" for what nobody knows
}

// isElsewhere reports whether the server goes on from another history than the one that was noted.
func (h *hubRow) isElsewhere() bool { return h.line != "" && h.present != "" && h.line != h.present }

// check looks whether the node may write at all, and mends what it can; errAgain says that it has.
func (w *writer) check(ctx context.Context, hub hubRow, leased bool) error {
	db := w.db
	if err := w.checkCopy(hub, leased); err != nil {
		return err
	}
	switch {
	case hub.format > format && !db.copying:
		return tooNew(hub.format)
	case hub.incarnation != db.incarnation.Load():
		w.abandon()
		return again(db.adopt(ctx, hub.incarnation))
	case hub.isElsewhere(), w.state.Commits <= db.seen.Load(): // this commit would be the one after all others
		return again(w.rebirth(ctx, hub))
	case !leased:
		w.abandon()
		return again(db.node.acquire(ctx, db))
	}
	if hub.line == "" && hub.present != "" {
		if err := w.exec(`UPDATE @hub SET line = $1`, hub.present); err != nil {
			return err
		}
	}
	w.born = hub.incarnation
	return w.raiseSequences(ctx)
}

// errAgain says that the transaction is to begin again.
var errAgain = errors.New("the transaction begins again")

func again(err error) error {
	if err == nil {
		return errAgain
	}
	return err
}

func (w *writer) readState(results pgx.BatchResults) (hub hubRow, leased bool, err error) {
	if _, err := results.Exec(); err != nil {
		return hub, false, err
	}
	w.begun = true
	if _, err := results.Exec(); err != nil {
		return hub, false, err
	}
	s := row.State{Settings: make(map[string]int64), Source: w.lease.source}
	err = results.QueryRow().Scan(&s.Commits, &s.Versioning, &hub.format, &hub.incarnation, &hub.line, &hub.present)
	switch {
	case errors.Is(err, pgx.ErrNoRows):
		return hub, false, fault.CorruptData.Says("the table hub has lost its row").Try("restore the schema from a backup")
	case err != nil:
		return hub, false, err
	}
	switch err := results.QueryRow().Scan(&w.batch, &s.Clock); {
	case errors.Is(err, pgx.ErrNoRows):
	case err != nil:
		return hub, false, err
	default:
		leased = true
	}
	rows, err := results.Query()
	if err != nil {
		return hub, false, err
	}
	err = eachRow(rows, func(rows pgx.Rows) error {
		var c row.Collection
		var tab string
		err := rows.Scan(&c.Number, &c.Scope, &c.Name, &c.Last, &c.Live, &tab)
		s.Collections = append(s.Collections, c)
		w.db.tables.note(c.Number, tab)
		return err
	})
	if err != nil {
		return hub, false, err
	}
	if rows, err = results.Query(); err != nil {
		return hub, false, err
	}
	err = eachRow(rows, func(rows pgx.Rows) error { return scanSetting(rows, s.Settings) })
	w.state = s
	return hub, leased, err
}

// table fails for a collection that another node has dropped.
func (w *writer) table(collection int64) (string, error) {
	for _, c := range w.state.Collections {
		if c.Number == collection {
			return w.reader.table(collection)
		}
	}
	return "", wasDeleted()
}

// abandon gives the connection back, and undoes the transaction.
func (w *writer) abandon() {
	if w.conn != nil {
		w.End()
	}
	w.begun = false
}

// Failed returns what has undone the transaction.
func (w *writer) Failed() error { return w.failed }

// Mark sets a savepoint, in place of an earlier one.
func (w *writer) Mark() error {
	return w.exec(`SAVEPOINT member`)
}

// Undo goes back to the savepoint.
func (w *writer) Undo() error { return w.exec(`ROLLBACK TO member`) }

func (w *writer) exec(sql string, args ...any) error {
	ctx, cancel := bounded()
	defer cancel()
	_, err := w.conn.Exec(ctx, w.db.in(sql), args...)
	return w.note(err)
}

// Flush writes a batch.
func (w *writer) Flush(b *row.Batch) error {
	q := &queue{names: &w.db.names}
	if err := w.queue(q, b); err != nil || q.Len() == 0 {
		return err
	}
	ctx, cancel := bounded()
	defer cancel()
	return w.note(w.conn.SendBatch(ctx, &q.Batch).Close())
}

// Commit writes a batch and commits, in one exchange. If the connection is lost meanwhile, it asks on another
// whether the commit has arrived.
func (w *writer) Commit(b *row.Batch) error {
	defer w.abandon()
	on := w.conn.Conn().PgConn()
	takeWarning(on) // of what came before
	err := w.commit(b)
	if warned := takeWarning(on); err == nil && warned || err != nil && isLoss(err) {
		arrived, asking := w.ask()
		if asking != nil {
			return fault.ConnectionLost.Says("the connection to the database server was lost during a commit, and it cannot be known whether it was stored").
				Because(errors.Join(row.ErrUnknown, asking)).Try("look whether the change was stored, and try again")
		}
		switch {
		case arrived:
			err = nil
		case err == nil:
			err = fault.Unexpected.Says("the database server has committed, and has lost it")
		}
	}
	if err != nil {
		return wrapped(err)
	}
	w.db.commits.Add(1)
	w.db.raise(w.state.Commits)
	w.db.sawSequences(b.Counters)
	if len(w.dropped) > 0 {
		w.db.tables.forget(w.dropped)
		w.db.work.Go(func() { w.db.sweep(w.db.background) })
	}
	w.db.tell()
	return nil
}

func (w *writer) commit(b *row.Batch) error {
	q := &queue{names: &w.db.names}
	if err := w.queue(q, b); err != nil {
		return err
	}
	if b.Clock > w.state.Clock {
		q.add(`UPDATE @node SET clock = $2 WHERE number = $1`, w.lease.number, b.Clock)
	}
	q.add(`COMMIT`)
	ctx, cancel := bounded()
	defer cancel()
	results := w.conn.SendBatch(ctx, &q.Batch)
	var err error
	for range q.Len() {
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

// ask finds out whether the commit of this batch has arrived, also at the synchronous standby. The row's lock makes ask
// wait for the old transaction where the server still runs it. The lock is a change, which has to reach the standby itself.
// Once another node has the lease, that node's batches count on, and the answer is lost.
func (w *writer) ask() (arrived bool, err error) {
	w.abandon()
	err = retrying(context.Background(), func() error {
		ctx, cancel := bounded()
		defer cancel()
		var batch int64
		err := w.db.queryRow(ctx, `SELECT batch FROM @node WHERE number = $1 AND epoch = $2 AND source = $3 FOR UPDATE`,
			w.lease.number, w.lease.epoch, w.lease.source[:]).Scan(&batch)
		if errors.Is(err, pgx.ErrNoRows) {
			return errLeaseLost
		}
		arrived = batch >= w.batch
		return err
	})
	return arrived, err
}

var errLeaseLost = fault.Busy.Says("another node has taken the source of this one")
