package replication

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/outbox"
	"github.com/tandemdb/tandem/internal/store"
)

// pusher sends the changes of one collection. What is to be sent, and what became of it, is for its
// outbox to know; the pusher reads the feed, tells the outbox what comes in, and does the steps that
// come out.
//
// One goroutine, run, does it all. What comes from elsewhere (replies, news of the pull) is put into its
// inbox.
type pusher struct {
	c    *collection
	opts pushOptions
	side pushSide

	hearsItself bool // see [outbox.Role]

	inbox inbox
	pushStatus

	// The following belong to run.

	box      *outbox.Outbox
	feed     feed
	composer composer
	waits    heldNotes
	counted  outbox.Counts // of the box, as far as they are in the collection's counters
	accepted bool          // the peer has answered an announcement
}

func newPusher(c *collection, side pushSide, opts pushOptions) *pusher {
	p := &pusher{
		c: c, side: side, opts: opts, inbox: newInbox(), hearsItself: side.role(opts).HearsItself(),
		feed:     feed{c: c, cursor: opts.since},
		composer: composer{c: c, side: side, peer: peerLimits{maxHistory: defaultHistory, replacements: opts.replacements}},
		waits:    heldNotes{c: c},
	}
	if opts.continuous {
		p.target = math.MaxInt64
	}
	return p
}

// begin fixes what the push starts with: what comes later, comes during it.
func (p *pusher) begin(ctx context.Context) error {
	fresh, err := p.c.lastSequence(ctx)
	if err != nil {
		return err
	}
	batch := int(min(max(p.opts.batch, 10), changesPerBatch))
	p.box = outbox.New(p.side.role(p.opts), p.c.ledger, outbox.Limits{
		Batch: batch, Announcements: announcementsInWork, Wanted: 3 * changesPerBatch,
		Revs: sendRevs, Bytes: sendBytes, UnansweredRevs: revsAwaiting, UnansweredBytes: revBytesAwaiting,
		Attempts: maxResolveAttempts,
	}, outbox.Selection{IDs: p.opts.docIDs, LiveOnly: p.opts.liveOnly, Fresh: outbox.Sequence(fresh)})
	_, err = p.extend(ctx)
	return err
}

// extend lets a one-shot push go on to what is now the last sequence, and reports whether
// there is anything new to push.
func (p *pusher) extend(ctx context.Context) (more bool, err error) {
	if p.opts.continuous {
		return false, nil
	}
	last, err := p.c.lastSequence(ctx)
	if err != nil {
		return false, err
	}
	if more = p.reachFor(last); more {
		p.refresh()
	}
	return more, nil
}

// run pushes until ctx ends; the passive side of a one-shot subscription until all was sent.
func (p *pusher) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !p.mayBegin(cancel) {
		return nil
	}
	if err := p.push(ctx); err != nil && ctx.Err() == nil {
		p.c.s.fail(err) // before it is known that nothing is pushed any more
	}
	p.finish()
	return nil
}

func (p *pusher) push(ctx context.Context) error {
	if p.box == nil {
		if err := p.begin(ctx); err != nil {
			return err
		}
	}
	changes := p.c.s.db.Subscribe(p.c.store())
	defer changes.Close()
	for {
		switch err := p.work(ctx); {
		case ctx.Err() != nil:
			return nil
		case err != nil:
			return err
		case p.box.CaughtUp() && !p.opts.continuous && p.box.Idle():
			return nil // a passive feed that has said all: there may be another subscription
		}
		select {
		case <-ctx.Done():
			return nil
		case <-p.inbox.wake:
		case _, open := <-changes.C:
			if !open {
				return fault.NotOpen.In("push", p.c.store().FullName()).Says("the database was closed")
			}
			p.box.Refeed()
		}
	}
}

// finish tells of what has arrived and is noted as such, since no other session is going to.
func (p *pusher) finish() {
	if p.box != nil {
		p.box.Lost()
		for waiting := true; waiting; {
			err := p.inbox.handle()
			p.report(p.box.Next().Items) // an outbox without a connection has nothing else to do
			if waiting = p.box.Marking(); waiting && err == nil {
				<-p.inbox.wake
			}
		}
		p.publishCounts()
	}
	p.end()
	p.c.s.stateChanged()
}

// work does everything that can be done now.
func (p *pusher) work(ctx context.Context) error {
	p.setIdle(false)
	for rested := false; !rested; {
		if err := p.inbox.handle(); err != nil {
			return err
		}
		step := p.box.Next()
		if err := p.box.Err(); err != nil {
			return err
		}
		if err := p.do(ctx, step); err != nil {
			return err
		}
		p.publishCounts()
		rested = step.Do == outbox.Rest && p.inbox.empty()
	}
	if err := p.countUnmet(ctx); err != nil {
		return err
	}
	p.setIdle(p.box.Idle())
	return nil
}

// setIdle publishes whether there is anything left to push just now.
func (p *pusher) setIdle(idle bool) {
	if p.rest(idle, p.inbox) {
		p.c.s.stateChanged()
	}
}

// do does one step of the outbox.
func (p *pusher) do(ctx context.Context, step outbox.Step) error {
	switch step.Do {
	case outbox.Rest:
	case outbox.Report:
		p.report(step.Items)
	case outbox.Touch:
		return p.touch(ctx, step.Items)
	case outbox.Read:
		return p.read(ctx, step.Items, step.Limit)
	case outbox.Announce:
		return p.announce(step.Items)
	case outbox.CatchUp:
		return p.announceCaughtUp()
	case outbox.Send:
		return p.send(ctx, step.Items)
	case outbox.Mark:
		p.mark(step.Items)
	}
	return nil
}

// report tells the listeners what became of items.
func (p *pusher) report(items []*outbox.Item) {
	if len(items) == 0 {
		return
	}
	events := make([]DocumentEvent, len(items))
	for i, it := range items {
		end := it.End()
		events[i] = DocumentEvent{
			ID: it.ID, Push: true, Deleted: it.Deleted, Err: end.Err, Transient: end.Transient,
			counted: end.Err == nil && !end.Taken,
		}
		switch {
		case end.TooEarly: // the session goes on: another attempt to connect does not help
			events[i].Revision = string(it.Rev.ID)
			p.c.ahead.offerAgain(time.Now())
		case end.Transient:
			p.c.s.leave(end.Err)
		case end.Err != nil && !end.Undecided:
			events[i].Revision = string(it.Rev.ID)
		}
	}
	p.c.report(events...)
	p.box.Told(items)
}

// publishCounts adds the outbox's counts to those of the collection.
func (p *pusher) publishCounts() {
	now, before, c := p.box.Counts(), p.counted, &p.c.counters
	if now == before {
		return
	}
	p.counted = now
	c.pushTotal.Add(now.Total - before.Total)
	c.pushCompleted.Add(now.Completed - before.Completed)
	c.pushBytes.Add(now.Bytes - before.Bytes)
	c.deltaSaved.Add(now.Saved - before.Saved)
	c.deltasRefused.Add(now.DeltasRefused - before.DeltasRefused)
}

// read reads the heads of items to look at, and the next changes of the feed. The filter is asked when no
// transaction is open: it may be slow, and may read.
func (p *pusher) read(ctx context.Context, items []*outbox.Item, limit int) error {
	page, err := p.feed.read(ctx, items, limit, p.reach())
	if err != nil {
		return err
	}
	for i, it := range items {
		if doc := page.heads[i]; doc != nil {
			head := p.feed.head(doc)
			p.box.Looked(it, &head, p.feed.filter(doc))
		} else {
			p.box.Looked(it, nil, nil)
		}
	}
	for _, doc := range page.changes {
		p.box.Changed(p.feed.head(doc), p.feed.filter(doc))
	}
	if limit > 0 {
		p.box.Reached(outbox.Sequence(p.feed.cursor), page.exhausted)
	}
	return nil
}

// mark notes in the database what the peer has.
func (p *pusher) mark(items []*outbox.Item) {
	p.c.s.spawn(func(ctx context.Context) error {
		err := p.c.s.db.Update(ctx, func(tx *store.Tx) error {
			for _, it := range items {
				if err := p.c.noteTaken(tx, it); err != nil {
					return err
				}
			}
			return nil
		})
		p.inbox.put(func() error {
			if err != nil {
				items = nil
			}
			p.box.Marked(items)
			return err
		})
		return nil
	})
}

// touch makes a new revision of each item, which is offered in its place.
func (p *pusher) touch(ctx context.Context, items []*outbox.Item) (err error) {
	for _, it := range items {
		err = errors.Join(err, p.c.s.db.Update(ctx, func(tx *store.Tx) error {
			return tx.Touch(p.c.store(), it.ID, it.Rev.ID)
		}))
	}
	return err
}

// countUnmet finds out since when items wait for a revision that the pull does not bring.
func (p *pusher) countUnmet(ctx context.Context) error {
	unmet := p.box.Unmet()
	var oldest time.Time
	inVain := true
	if len(unmet) > 0 {
		if err := p.waits.read(ctx); err != nil {
			return err
		}
	}
	for _, it := range unmet {
		inVain = inVain && p.waits.overFor[it.ID] == it.Rev.ID
		if oldest.IsZero() || it.Since().Before(oldest) {
			oldest = it.Since()
		}
	}
	p.waitFor(oldest, inVain)
	return nil
}
