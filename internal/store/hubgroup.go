package store

import (
	"errors"
	"time"

	"github.com/tandemdb/tandem/internal/store/row"
)

// hubGroup is a group that is under way.
type hubGroup struct {
	group
	w       *held // nil until the first member begins
	o       *overlay
	found   row.State
	foreign bool  // others have committed since the last group
	changed bool  // a member has written
	lost    error // why none of the members can be committed
}

func (w *hubWriter) newGroup() *hubGroup {
	return &hubGroup{group: group{began: time.Now()}, o: newOverlay()}
}

// finish commits g. Without the lock it takes it again, and looks whether what the members have read is still so.
func (w *hubWriter) finish(g *hubGroup) error {
	if !g.changed {
		return nil
	}
	mark := len(g.o.undo)
	was, counted := g.found, g.was.counters
	for deadline := time.Now().Add(repeatTime); ; {
		found, err := g.w.regain(func(tx row.Writer, found row.State) error {
			return g.o.seen.check(tx, was, found, g.o.blobs)
		})
		if err == nil && found != nil {
			g.foreign = g.foreign || found.Commits != was.Commits
			g.found = *found
			g.o.shift(was, *found)
			was = *found
		}
		if err == nil {
			err = g.w.commit(w.batch(g, counted))
		}
		if err == nil {
			w.commits = g.found.Commits
			return nil
		}
		if !mayRepeat(err) || g.w.isFlushed() || errors.Is(err, errChanged) || time.Now().After(deadline) {
			return err
		}
		g.o.back(mark)
	}
}

// batch returns all changes of a group. counted are the counters at its beginning.
func (w *hubWriter) batch(g *hubGroup, counted counterList) *row.Batch {
	b := g.o.drain()
	for before, k := range w.state.counters.since(counted) {
		at := of(g.found, k.collection)
		if at.Number != 0 && before.last >= 0 { // others may have counted meanwhile
			k.last += at.Last - before.last
			k.live += at.Live - before.live
		}
		b.Counters = append(b.Counters, row.Collection{Number: k.collection, Last: k.last, Live: k.live})
	}
	if w.state.latestPurged != g.was.latestPurged {
		b.Settings[metaPurged] = int64(w.state.latestPurged)
	}
	b.Clock = int64(w.state.clock)
	return b
}
