package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store/row"
)

// hubWriter is the writer of a database in an engine. A group of transactions that wait at the same time is one
// transaction of the engine: it takes the lock of all nodes, reads heads many at a time, and ends with one
// exchange that writes and commits.
type hubWriter struct {
	db       *DB
	requests chan *request // unbuffered, so that no accepted request is lost

	// Only the goroutine of run uses these fields.
	state   state
	commits int64 // of all nodes, at the end of the last group
	logged  int64 // conflicts, by this process
}

func newHubWriter(db *DB) *hubWriter { return &hubWriter{db: db, requests: make(chan *request)} }

// run serves requests until the database closes, as writer.run does.
func (w *hubWriter) run() {
	idle := w.db.idle()
	for {
		select {
		case r := <-w.requests:
			w.commitGroup(r)
		case <-idle:
			return
		}
	}
}

// hubGroup is a group that is under way.
type hubGroup struct {
	group
	w       row.Writer // nil until the first member begins
	o       *overlay
	found   row.State
	foreign bool // others have committed since the last group
	changed bool // a member has written
}

func (w *hubWriter) commitGroup(first *request) {
	g := &hubGroup{group: group{began: time.Now()}, o: newOverlay()}
	for r := first; r != nil; r = w.next(g) {
		if r.claim() {
			w.join(g, r)
		}
	}
	if g.w == nil {
		return
	}
	err := w.finish(g)
	due := w.state.duties
	w.state.duties = duties{}
	if err == nil {
		w.announce(g, due) // first, so that whoever is told of success finds its effects
	}
	for _, r := range g.members {
		r.finish(err)
	}
}

// next returns a waiting request that can join g, or nil.
func (w *hubWriter) next(g *hubGroup) *request {
	if len(g.members) >= maxGroup || time.Since(g.began) > maxGroupTime {
		return nil
	}
	select {
	case r := <-w.requests:
		return r
	default:
		return nil
	}
}

// begin takes the lock of all nodes.
func (w *hubWriter) begin(ctx context.Context, g *hubGroup) error {
	if g.w != nil {
		return nil
	}
	tx, found, err := w.db.hub.rows.Write(ctx)
	if err != nil {
		return err
	}
	g.w, g.found = tx, found
	g.foreign = found.Commits != w.commits+1 // of what was committed before the first group nothing is known
	w.load(found)
	g.was = w.state
	return nil
}

// load takes over what other nodes may have changed.
func (w *hubWriter) load(found row.State) {
	s := state{fresh: true, clock: max(w.state.clock, revision.Time(found.Clock))}
	for _, c := range found.Collections {
		s.counters = append(s.counters, counters{collection: c.Number, last: c.Last, live: c.Live})
	}
	s.latestPurged = revision.Time(found.Settings[metaPurged])
	s.purges = w.state.purges
	versioning := Versioning(found.Versioning)
	w.db.versioning.Store(&versioning)
	w.db.keepsBases.Store(found.Settings[metaKeepBases] != 0)
	w.db.hasBranches.Store(found.Settings[metaBranches] != 0)
	w.state = s
}

// join runs r within g. If r fails, its changes alone are undone, unless the engine has undone all.
func (w *hubWriter) join(g *hubGroup, r *request) {
	if err := w.begin(r.ctx, g); err != nil {
		r.finish(err)
		return
	}
	member := &hubMember{undo: len(g.o.undo)}
	tx := &Tx{db: w.db, ctx: r.ctx, now: w.db.options.Now(), group: &g.group, state: &w.state, was: w.state}
	tx.rows = &hubRows{tx: tx, r: g.w, w: g.w, o: g.o, member: member}
	err := callTx(tx, r.fn)
	tx.end()
	err = cmp.Or(err, tx.spoiled)
	lost := g.w.Failed()
	if err == nil && lost == nil {
		g.changed = g.changed || tx.wrote
		g.members = append(g.members, r)
		return
	}
	w.state = tx.was
	if lost == nil && member.marked {
		lost = g.w.Undo()
	}
	if lost == nil {
		g.o.back(member.undo)
		r.finish(err)
		return
	}
	g.w.End()
	for _, other := range append(g.members, r) {
		other.finish(cmp.Or(lost, err))
	}
	w.state = g.was
	*g = hubGroup{group: group{began: g.began}, o: newOverlay()}
}

// finish commits g.
func (w *hubWriter) finish(g *hubGroup) error {
	defer g.w.End()
	if !g.changed {
		return nil
	}
	b := g.o.drain()
	for _, k := range w.state.counters.since(g.was.counters) {
		b.Counters = append(b.Counters, row.Collection{Number: k.collection, Last: k.last, Live: k.live})
	}
	if w.state.latestPurged != g.was.latestPurged {
		b.Settings[metaPurged] = int64(w.state.latestPurged)
	}
	b.Clock = int64(w.state.clock)
	err := g.w.Commit(b)
	if err != nil {
		w.state = g.was
		return err
	}
	w.commits = g.found.Commits
	return nil
}

// announce reports a commit to subscribers and to the expirer.
func (w *hubWriter) announce(g *hubGroup, due duties) {
	if due.settings {
		w.applySettings(g.o)
	}
	w.db.signals.purged(due.purged)
	switch {
	case g.foreign:
		w.db.signals.notifyAll()
	case g.changed:
		w.db.signals.notify(w.changed(g, due), nil)
	}
	if due.wasAhead > 0 {
		w.db.tellAhead(due.wasAhead)
	}
	if due.expiring || g.foreign {
		w.db.signals.wakeExpirer()
	}
}

func (w *hubWriter) applySettings(o *overlay) {
	if o.version != "" {
		versioning := Versioning(o.version)
		w.db.versioning.Store(&versioning)
	}
	if v, ok := o.settings[metaKeepBases]; ok {
		w.db.keepsBases.Store(v != 0)
	}
	if v, ok := o.settings[metaBranches]; ok {
		w.db.hasBranches.Store(v != 0)
	}
}

// changed lists the collections whose subscribers hear of the commit.
func (w *hubWriter) changed(g *hubGroup, due duties) []int64 {
	changed := slices.Concat(due.deleted, due.marked)
	for was, k := range w.state.counters.since(g.was.counters) {
		if was.last != k.last {
			changed = append(changed, k.collection)
		}
	}
	for _, p := range due.purged {
		changed = append(changed, p.Collection.id)
	}
	return changed
}

// hasDuty reports whether this node does what one node does for all. In a folder every process does it.
func (db *DB) hasDuty(ctx context.Context, duty string) bool {
	return db.hub == nil || db.hub.rows.Lease(ctx, duty)
}
