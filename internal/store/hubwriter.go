package store

import (
	"cmp"
	"context"
	"errors"
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
	commits int64    // of all nodes, at the end of the last group
	logged  int64    // conflicts, by this process
	after   *request // one that arrived meanwhile and must run alone
}

func newHubWriter(db *DB) *hubWriter { return &hubWriter{db: db, requests: make(chan *request)} }

// run serves requests until the database closes, as writer.run does.
func (w *hubWriter) run() {
	idle := w.db.idle()
	for {
		select {
		case r := <-w.requests:
			w.serve(r)
		case <-idle:
			return
		}
	}
}

// serve runs a request and those that wait at the same time.
func (w *hubWriter) serve(first *request) {
	deadline := time.Now().Add(repeatTime)
	g := w.newGroup()
	for r := first; r != nil; r = w.next(g) {
		w.member(g, r)
	}
	failed, err := w.end(g)
	w.repeat(failed, err, deadline)
	if r := w.after; r != nil {
		w.after = nil
		w.serve(r)
	}
}

// repeatTime is how long what failed is done again before its callers are told.
const repeatTime = 30 * time.Second

// repeat runs failed requests again: the engine has stored nothing of them. If the server refuses what they write, repeat
// finds the culprit by halves.
func (w *hubWriter) repeat(failed []*request, err error, deadline time.Time) {
	if len(failed) == 0 {
		return
	}
	passing := mayRepeat(err)
	switch {
	case failed[0].once, errors.Is(err, row.ErrUnknown), passing && time.Now().After(deadline), !passing && len(failed) == 1:
		for _, r := range failed {
			r.finish(err)
		}
	case passing:
		time.Sleep(repeatPause)
		failed, err = w.again(failed)
		w.repeat(failed, err, deadline)
	default:
		for _, half := range [][]*request{failed[:len(failed)/2], failed[len(failed)/2:]} {
			failed, err := w.again(half)
			w.repeat(failed, err, deadline)
		}
	}
}

// repeatPause keeps a failure that comes back at once from being repeated without end.
const repeatPause = 5 * time.Millisecond

// repeatWhile calls do until it succeeds, fails with what may not be done again, or has failed for repeatTime.
func repeatWhile(ctx context.Context, may func(error) bool, pause time.Duration, do func() error) error {
	for deadline := time.Now().Add(repeatTime); ; {
		err := do()
		if err == nil || !may(err) || time.Now().After(deadline) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

// again runs requests as one group.
func (w *hubWriter) again(all []*request) (failed []*request, err error) {
	g := w.newGroup()
	for _, r := range all {
		if err := r.ctx.Err(); err != nil {
			r.finish(err)
		} else {
			w.execute(g, r)
		}
	}
	return w.end(g)
}

// end commits a group and tells its callers. It returns those whose changes are lost.
func (w *hubWriter) end(g *hubGroup) (failed []*request, err error) {
	if g.w == nil {
		return nil, nil
	}
	defer g.w.End()
	if err = g.lost; err == nil {
		err = w.finish(g)
	}
	due := w.state.duties
	w.state.duties = duties{}
	if err != nil {
		w.state = g.was
		return g.members, err
	}
	w.announce(g, due) // first, so that whoever is told of success finds its effects
	for _, r := range g.members {
		r.finish(nil)
	}
	return nil, nil
}

// next returns a waiting request that can join g, or nil.
func (w *hubWriter) next(g *hubGroup) *request {
	if g.lost != nil || len(g.members) >= maxGroup || time.Since(g.began) > maxGroupTime {
		return nil
	}
	if len(g.members) > 0 && g.members[0].once {
		return nil
	}
	select {
	case r := <-w.requests:
		if r.once && len(g.members) > 0 {
			w.after = r
			return nil
		}
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
	tx, found, err := w.db.hub.rows.Write(ctx, w.db.hub.hold.long)
	if err != nil {
		return err
	}
	g.w, g.found = hold(ctx, w.db, tx), found
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
	w.db.setMet(found.Settings[metaMet])
	w.state = s
}

// member runs r within g, unless its caller has given up.
func (w *hubWriter) member(g *hubGroup, r *request) {
	if r.claim() {
		w.execute(g, r)
	}
}

// execute runs r within g. If r fails, its changes alone are undone, unless the engine has undone all.
func (w *hubWriter) execute(g *hubGroup, r *request) {
	if g.lost != nil { // another member has met it
		g.members = append(g.members, r)
		return
	}
	if err := w.begin(r.ctx, g); err != nil {
		r.finish(err)
		return
	}
	g.w.use(r.ctx)
	member := &hubMember{undo: len(g.o.undo)}
	tx := &Tx{db: w.db, ctx: r.ctx, now: w.db.options.Now(), group: &g.group, state: &w.state, was: w.state}
	tx.rows = &hubRows{tx: tx, r: g.w, w: g.w, o: g.o, member: member}
	err := callTx(tx, r.fn)
	tx.end()
	err = cmp.Or(err, tx.spoiled)
	if g.lost = g.w.Failed(); g.lost != nil {
		g.members = append(g.members, r)
		return
	}
	if err == nil {
		g.changed = g.changed || tx.wrote
		g.members = append(g.members, r)
		return
	}
	w.state = tx.was
	if member.marked {
		g.lost = g.w.Undo()
	}
	g.o.back(member.undo)
	r.finish(err)
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
	if v, ok := o.settings[metaMet]; ok {
		w.db.setMet(v)
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
