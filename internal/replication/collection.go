package replication

import (
	"context"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/store"
)

// collection is one collection of a session: its options, and the parts that work on it.
type collection struct {
	s     *Session
	index int // in the peers' common list; -1 in the legacy form, which has no list
	opts  CollectionOptions

	counters counters
	refusals atomic.Int64 // remembered in this session

	pull      *puller // receives: on both sides
	ledger    ledger
	check     *checkpointer // saves the ledger; active side only
	conflicts *conflicts    // active side only

	mu   sync.Mutex
	push *pusher // sends; on the passive side nil until the peer subscribes; guarded by mu
}

func (s *Session) newCollection(index int, opts CollectionOptions) *collection {
	c := &collection{s: s, index: index, opts: opts, ledger: noLedger{}}
	c.pull = newPuller(c)
	return c
}

func (c *collection) store() *store.Collection { return c.opts.Collection }

// message returns a new request about this collection.
func (c *collection) message(profile string) *blip.Message {
	m := &blip.Message{Properties: make(blip.Properties, 0, 8)}
	m.Properties.Add(wire.PropProfile, profile)
	if c.index >= 0 {
		m.Properties.Add(wire.PropCollection, strconv.Itoa(c.index))
	}
	return m
}

// report tells the listeners about documents, and counts them.
func (c *collection) report(events ...DocumentEvent) {
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
	c.remember(events)
	if c.s.common.Documents != nil && len(events) > 0 {
		c.s.common.Documents(events)
	}
	c.s.progressed()
}

// pusher returns the part that sends, or nil while there is none.
func (c *collection) pusher() *pusher {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.push
}

// busy reports whether anything about the collection is under way.
func (c *collection) busy() bool {
	push := c.pusher()
	return c.pull.busy() || push != nil && push.busy() || c.conflicts != nil && c.conflicts.busy()
}

// lastSequence returns the sequence of the latest change, 0 if there was none.
func (c *collection) lastSequence(ctx context.Context) (last store.Sequence, err error) {
	err = c.s.db.View(ctx, func(tx *store.Tx) error {
		last, err = tx.LastSequence(c.store())
		return err
	})
	return last, err
}
