package postgres

import (
	"context"
	"log/slog"
	"maps"

	"github.com/jackc/pgx/v5"

	"github.com/tandemdb/tandem/internal/store/row"
)

// A database is born again when its server has lost commits that nodes have seen: by a fail-over to a standby that
// lags, or a backup that was restored. Clients may know what was lost. So all nodes take new sources, which give no
// version twice, and sequences go on above all that were given. A node compares the server's line before it writes.

// sequenceGap is how far sequences go on above the last that is known: nobody knows how many were lost.
const sequenceGap = 1_000_000

// lineOf is what names the history of the server's data: another timeline begins with each promotion of a standby and
// each recovery from a backup, and each cluster has an identifier.
const lineOf = `(SELECT system_identifier::text FROM pg_control_system()) || ' ' ||
	substr(pg_walfile_name(pg_current_wal_insert_lsn()), 1, 8)`

// recall reads the incarnation, and finds out whether the server tells its line to a node that writes. If it has no
// such functions, or the role no right to them, a loss is unnoticed once as many commits were made.
func (db *database) recall(ctx context.Context) error {
	var incarnation int64
	if err := db.queryRow(ctx, `SELECT incarnation FROM @hub`).Scan(&incarnation); err != nil {
		return wrapped(err)
	}
	db.incarnation.Store(incarnation)
	db.line = `''`
	if db.readOnly || db.engine.Portable { // a standby does not tell it, and on another engine each server may tell one of its own
		return nil
	}
	var line string
	err := db.queryRow(ctx, `SELECT `+lineOf).Scan(&line)
	switch sqlState(err) {
	case undefinedFunction, noRight:
		return nil
	}
	if line != "" {
		db.line = lineOf
	}
	return wrapped(err)
}

// rebirth begins a new incarnation in a transaction that holds the lock of all nodes, and ends it.
func (w *writer) rebirth(ctx context.Context, hub hubRow) error {
	seen := w.db.seen.Load()
	last := w.db.lastSeen()
	numbers, lasts := make([]int64, 0, len(last)), make([]int64, 0, len(last))
	for number, seq := range last {
		numbers, lasts = append(numbers, number), append(lasts, seq)
	}
	q := &queue{names: &w.db.names}
	q.add(`UPDATE @hub SET incarnation = incarnation + 1, commits = greatest(commits, $1), line = coalesce(nullif($2, ''), line)`, seen+1, hub.present)
	q.add(`UPDATE @collection SET last = $3 + greatest(last, coalesce(
		(SELECT max(l) FROM unnest($1::bigint[], $2::bigint[]) AS seen (n, l) WHERE n = number), 0))`, numbers, lasts, int64(sequenceGap))
	q.add(`DELETE FROM @node`)
	q.add(`UPDATE @duty SET node = 0`) // of nobody: whoever has it finds that out before another may take it
	q.add(`COMMIT`)
	if err := w.conn.SendBatch(ctx, &q.Batch).Close(); err != nil {
		return err
	}
	w.begun = false
	w.abandon()
	w.db.log.Error("the database server has lost commits, or may have: by a fail-over, or a backup that was restored",
		slog.String("database", w.db.place), slog.Int64("seen", seen), slog.Int64("there", w.state.Commits-1),
		slog.String("line", hub.present))
	w.db.tell()
	return w.db.adopt(ctx, hub.incarnation+1)
}

// adopt goes over to an incarnation that this or another node has begun.
func (db *database) adopt(ctx context.Context, incarnation int64) error {
	db.adopting.Lock()
	defer db.adopting.Unlock()
	if db.incarnation.Load() == incarnation {
		return nil
	}
	if !db.readOnly {
		if err := db.node.acquire(ctx, db); err != nil {
			return err
		}
	}
	db.seen.Store(0) // the next look counts anew
	db.incarnation.Store(incarnation)
	db.log.Warn("the node goes on under a new source of versions, and its clients start again",
		slog.String("database", db.place), slog.Int64("incarnation", incarnation))
	select {
	case db.reborn <- struct{}{}:
	default: // told already
	}
	return nil
}

// raiseSequences has collections go on above what this node alone has seen before others began a new incarnation.
func (w *writer) raiseSequences(ctx context.Context) error {
	last := w.db.lastSeen()
	for i := range w.state.Collections {
		c := &w.state.Collections[i]
		if last[c.Number] <= c.Last {
			continue
		}
		c.Last = last[c.Number] + sequenceGap
		_, err := w.conn.Exec(ctx, w.db.in(`UPDATE @collection SET last = $2 WHERE number = $1`), c.Number, c.Last)
		if err != nil {
			return err
		}
	}
	return nil
}

// lastSeen returns the last sequences that the node has seen, by collection.
func (db *database) lastSeen() map[int64]int64 {
	db.sequences.Lock()
	defer db.sequences.Unlock()
	return maps.Clone(db.sequences.last)
}

// sawSequences notes last sequences that were committed.
func (db *database) sawSequences(all []row.Collection) {
	db.sequences.Lock()
	defer db.sequences.Unlock()
	if db.sequences.last == nil {
		db.sequences.last = make(map[int64]int64)
	}
	for _, c := range all {
		db.sequences.last[c.Number] = max(db.sequences.last[c.Number], c.Last)
	}
}

// look reports whether others have committed since the last look, and whether the inbox has letters.
func (db *database) look(ctx context.Context) (changed, mail bool) {
	ctx, cancel := context.WithTimeout(ctx, newsTime)
	defer cancel()
	before := db.seen.Load() // a commit of this node may raise it meanwhile
	var commits, incarnation int64
	var all []row.Collection
	rows, err := db.pool.Query(ctx, db.in(`SELECT commits, incarnation, coalesce(number, 0), coalesce(last, 0), EXISTS (SELECT 1 FROM @inbox)
		FROM @hub LEFT JOIN @collection ON true`))
	if err == nil {
		err = eachRow(rows, func(rows pgx.Rows) error {
			var c row.Collection
			err := rows.Scan(&commits, &incarnation, &c.Number, &c.Last, &mail)
			all = append(all, c)
			return err
		})
	}
	if err != nil {
		return false, false
	}
	if commits < before || incarnation != db.incarnation.Load() {
		return db.mend(ctx, incarnation), mail
	}
	db.sawSequences(all)
	return db.raise(commits), mail
}

// mend goes over to a new incarnation, and begins one if nobody has.
func (db *database) mend(ctx context.Context, incarnation int64) bool {
	if db.readOnly {
		return db.adopt(ctx, incarnation) == nil
	}
	w, _, err := db.Write(ctx, statementTime) // which does all
	if err != nil {
		return false
	}
	w.End()
	return true
}
