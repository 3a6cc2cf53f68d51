package store

import (
	"errors"
	"slices"
	"time"

	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/tandemdb/tandem/internal/revision"
)

// group is a set of transactions that share one commit.
type group struct {
	began   time.Time
	begun   bool // SQLite's transaction is open
	dirty   bool // a member has written
	members []*request
	after   *request // a request that arrived meanwhile and must run alone

	was     state // the writer's state before this group
	durable bool
	foreign bool // others have committed since the last group
}

// commitGroup runs first and the other waiting requests, commits, and reports each outcome to its
// caller.
func (w *writer) commitGroup(first *request) {
	g := &group{began: time.Now()}
	if wanted := w.db.signals.recorded(); wanted != nil || w.c.recorder.triggers != nil {
		w.c.record(wanted)
	}
	for r := first; r != nil; r = w.next(g) {
		if r.claim() {
			w.join(g, r)
		}
	}
	err := w.finish(g)
	due := w.state.duties
	w.state.duties = duties{}
	var syncErr error
	synced := due.reserve > 0 || due.sync
	if err == nil && synced { // before any caller or subscriber sees the commit
		syncErr = w.guard(w.sync)
	}
	if err == nil {
		w.announce(g, due) // first, so that whoever is told of success finds its effects
	}
	if err == nil && g.durable && !synced {
		syncErr = w.guard(w.sync)
	}
	for _, r := range g.members {
		if err == nil && r.durable {
			r.finish(syncErr)
		} else {
			r.finish(err)
		}
	}
	w.c.widen()
	if g.after != nil {
		w.serve(g.after)
	}
}

// join runs r within g. If r fails, its changes alone are undone.
func (w *writer) join(g *group, r *request) {
	if err := w.begin(g); err != nil {
		r.finish(sqlFault(err, "write to database", w.db.path))
		return
	}
	tx := w.db.newTx(r.ctx, w.c)
	tx.group, tx.state, tx.was = g, &w.state, w.state
	err := callTx(tx, r.fn)
	if err == nil {
		err = tx.keep()
	}
	if err != nil {
		w.discard(g, tx, err)
		r.finish(err)
		return
	}
	g.dirty = g.dirty || tx.wrote
	g.durable = g.durable || r.durable
	g.members = append(g.members, r)
}

// begin opens SQLite's transaction, unless it is open already.
func (w *writer) begin(g *group) error {
	if g.begun {
		return nil
	}
	if err := w.c.run(sqlBeginImmediate); err != nil {
		return err
	}
	g.begun = true
	foreign, err := w.othersCommitted()
	g.foreign = g.foreign || foreign
	if err != nil {
		w.abort(g)
	}
	g.was = w.state
	return err
}

// callTx runs fn with tx, and turns a panic into an error.
func callTx(tx *Tx, fn func(*Tx) error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = panicked(r)
		}
	}()
	return fn(tx)
}

// keep ends tx and leaves its changes to the group.
func (tx *Tx) keep() error {
	c := tx.c
	tx.end()
	if tx.spoiled != nil || !tx.savepoint {
		return tx.spoiled
	}
	return sqlFault(c.run(sqlRelease), "write to database", tx.db.path)
}

// discard undoes tx, which failed with cause. If SQLite has rolled back the whole transaction, the
// earlier members of g fail too.
func (w *writer) discard(g *group, tx *Tx, cause error) {
	tx.end()
	w.state = tx.was
	var undone bool
	switch {
	case w.c.broken: // and the transaction with it
	case w.c.GetAutocommit():
		g.begun = false // SQLite rolled back by itself
	case !tx.wrote:
		undone = true
	case tx.savepoint:
		undone = w.runAll(sqlRollbackTo, sqlRelease) == nil
	default:
		undone = w.rollback(g) == nil
	}
	if undone {
		return
	}
	w.abort(g)
	for _, r := range g.members {
		r.finish(cause)
	}
	*g = group{began: g.began, after: g.after}
}

// rollback rolls SQLite's transaction back.
func (w *writer) rollback(g *group) error {
	err := w.runAll(sqlRollback)
	if err == nil {
		g.begun = false
	}
	return err
}

// abort gives up the group's transaction. The next one reads the state from the file again.
func (w *writer) abort(g *group) {
	w.state = state{}
	if w.c.broken || g.begun && !w.c.GetAutocommit() && w.rollback(g) != nil {
		w.reopen()
	}
	g.begun = false
}

func (w *writer) runAll(which ...statement) error {
	return w.guard(func() error {
		for _, one := range which {
			if err := w.c.run(one); err != nil {
				return err
			}
		}
		return nil
	})
}

// finish commits g.
func (w *writer) finish(g *group) error {
	if !g.begun {
		return nil
	}
	if g.dirty {
		w.commits.Add(1)
	}
	var err error
	if w.state.blobs { // blob file names must be on disk before a document that refers to them
		err = w.db.blobs.syncNames()
	}
	if err == nil {
		err = w.guard(func() error { return w.flush(g) })
	}
	if err == nil {
		err = w.guard(w.c.commit)
	}
	describe := sqlFault
	if w.c.queries.HasChangedTexts() { // FTS5 writes a part of its changes with the commit
		describe = textFault
	}
	if err != nil {
		w.abort(g)
		return describe(err, "commit", w.db.path)
	}
	w.c.queries.ForgetChanges()
	return nil
}

// flush saves the parts of the writer's state that the group has changed.
func (w *writer) flush(g *group) error {
	if !g.dirty {
		return nil
	}
	if err := w.c.queries.ApplyTexts(); err != nil {
		return err
	}
	for _, k := range w.state.counters.since(g.was.counters) {
		if err := k.save(w.c); err != nil {
			return err
		}
	}
	if w.state.reserve > 0 {
		w.state.reserved = w.state.reserve + revision.Time(reserveTime)
	}
	return errors.Join(
		w.flushTime(metaReserved, g.was.reserved, w.state.reserved),
		w.flushTime(metaPurged, g.was.latestPurged, w.state.latestPurged),
		w.flushTime(metaClock, g.was.clock, w.state.clock),
	)
}

func (w *writer) flushTime(key string, was, is revision.Time) error {
	if was == is {
		return nil
	}
	return w.c.set(key, int64(is))
}

// sync makes everything committed so far durable: it is in SQLite's log, or in the database file, which
// SQLite syncs before it begins the log anew. Blobs reach the disk before rows.
func (w *writer) sync() error {
	log := w.c.scratch.log
	if log == nil {
		return nil // nothing was committed since the file was opened
	}
	return sqlFault(log.Sync(vfs.SYNC_FULL), "sync", w.db.path)
}

// announce reports a commit to subscribers and to the expirer.
func (w *writer) announce(g *group, due duties) {
	changed := w.changed(g, due) // before reload drops the counters
	if due.settings && w.reload() != nil {
		w.state.fresh = false // the next transaction tries again
	}
	if len(due.deleted) > 0 {
		w.state.counters = w.state.counters.without(due.deleted)
	}
	w.db.signals.purged(due.purged)
	switch {
	case g.foreign:
		w.db.signals.notifyAll()
	case g.dirty:
		w.db.signals.notify(changed, &w.c.recorder)
	}
	if due.wasAhead > 0 {
		w.db.tellAhead(due.wasAhead)
	}
	if due.expiring || g.foreign {
		w.db.signals.wakeExpirer()
	}
}

// changed lists the collections whose feed or expiries the group changed, that it purged from, or
// that it deleted.
func (w *writer) changed(g *group, due duties) []int64 {
	changed := slices.Concat(due.deleted, due.marked)
	for was, k := range w.state.counters.since(g.was.counters) {
		if was.last != k.last {
			changed = append(changed, k.collection)
		}
	}
	for _, p := range due.purged {
		if !slices.Contains(changed, p.Collection.id) {
			changed = append(changed, p.Collection.id)
		}
	}
	return changed
}
