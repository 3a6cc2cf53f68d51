package replication

import (
	"context"
	"strconv"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/store"
)

// collection is one collection of a session: its options, and counts of what happened to its
// documents. Its methods may be called from any goroutine.
type collection struct {
	s      *engine
	index  int // in the list that both peers agreed on; -1 in the legacy form, which has no list
	opts   CollectionOptions
	ledger ledger

	client    string      // passive side: the ID of the peer's checkpoint; "" until it is known
	writeOnly bool        // passive side: the peer may not read
	blobs     *blobRights // passive side: of a peer with limited rights; nil lets it read every blob
	mirror    string      // in a mesh: the ID of the passive side's own checkpoint; see [mirrored]

	counters  counters
	refusals  refusals
	ahead     ahead
	forbidden forbidden
}

func newCollection(s *engine, index int, opts CollectionOptions, l ledger) *collection {
	return &collection{
		s: s, index: index, opts: opts, ledger: l,
		refusals: refusals{s: s, store: opts.Collection},
		ahead:    ahead{s: s, store: opts.Collection},
	}
}

func (c *collection) store() *store.Collection { return c.opts.Collection }

// message returns a new request about this collection.
func (c *collection) message(profile string) *blip.Message {
	with := new(struct { // one allocation in place of two
		blip.Message
		properties [6]blip.Property // of a usual rev
	})
	m := &with.Message
	m.Properties = with.properties[:0]
	m.Properties.Add(wire.PropProfile, profile)
	if c.index >= 0 {
		m.Properties.Add(wire.PropCollection, strconv.Itoa(c.index))
	}
	return m
}

// report counts document events and passes them to the listeners.
func (c *collection) report(events ...DocumentEvent) {
	if len(events) == 0 {
		return
	}
	for i := range events {
		e := &events[i]
		e.Collection = c.store()
		switch {
		case e.counted:
		case e.Err != nil && e.Push:
			c.counters.pushFailed.Add(1)
		case e.Err != nil:
			c.counters.pullFailed.Add(1)
		case e.Push:
			c.counters.pushed.Add(1)
		default:
			c.counters.pulled.Add(1)
		}
	}
	c.refusals.remember(events)
	if c.s.common.Documents != nil {
		c.s.common.Documents(events)
	}
	c.s.progressed()
}

// lastSequence returns the sequence of the latest change, or 0 if the collection has no changes.
func (c *collection) lastSequence(ctx context.Context) (last store.Sequence, err error) {
	err = c.s.db.View(ctx, func(tx *store.Tx) error {
		last, err = tx.LastSequence(c.store())
		return err
	})
	return last, err
}
