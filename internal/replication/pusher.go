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

// pusher sends the changes of one collection. The outbox decides which revisions to send and tracks
// their state; the pusher reads the feed, passes events to the outbox, and executes its steps.
//
// The goroutine in run does all of this. Other goroutines put events, such as replies and news from
// the pull, into its inbox.
type pusher struct {
	c    *collection
	opts pushOptions
	side pushSide

	hearsItself bool // see [outbox.Role]

	inbox inbox
	pushStatus

	// Only run uses the following fields.

	box      *outbox.Outbox
	feed     feed
	composer composer
	waits    heldNotes
	counted  outbox.Counts // the outbox's counts that the collection's counters include
	unread   uint64        // changes that the feed has yet to give
	accepted bool          // the peer has answered an announcement
	aliases  int           // announced aliases without an answer
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

// begin makes the outbox. Changes after the current last sequence count as new.
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
	}, outbox.Selection{
		IDs: p.opts.docIDs, LiveOnly: p.opts.liveOnly, Fresh: outbox.Sequence(fresh),
		After: outbox.Sequence(p.feed.cursor),
	})
	if _, err = p.extend(ctx); err != nil {
		return err
	}
	p.unread, err = p.countChanges(ctx)
	p.publishCounts()
	return err
}

// countChanges returns how many changes the feed has for the peer, for the progress alone. A list of
// documents bounds it.
func (p *pusher) countChanges(ctx context.Context) (n uint64, err error) {
	err = p.c.s.db.View(ctx, func(tx *store.Tx) error {
		if p.opts.liveOnly && p.opts.since == 0 {
			n, err = tx.Count(p.c.store())
		} else {
			n, err = tx.CountSince(p.c.store(), p.opts.since)
		}
		return err
	})
	if p.opts.docIDs != nil {
		n = min(n, uint64(len(p.opts.docIDs)))
	}
	return n, err
}

// extend lets a one-shot push continue to the current last sequence, and reports whether that adds
// changes.
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

// run pushes until ctx ends. For a one-shot subscription, the passive side returns after the last
// change.
func (p *pusher) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if !p.mayBegin(cancel) {
		return nil
	}
	if err := p.push(ctx); err != nil && ctx.Err() == nil {
		p.c.s.fail(err) // first the error, so that a failed push never looks like a finished one
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
		case p.box.CaughtUp() && !p.opts.continuous && p.hasNothingToDo():
			return nil // the feed is finished; the peer may subscribe again
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

// finish reports the items that have arrived and are recorded, because no other session will.
func (p *pusher) finish() {
	if p.box != nil {
		p.unread = 0
		p.box.Lost()
		for waiting := true; waiting; {
			err := p.inbox.handle()
			p.report(p.box.Next().Items) // without a connection, the outbox has only reports left
			if waiting = p.box.Marking(); waiting && err == nil {
				<-p.inbox.wake
			}
		}
		p.publishCounts()
	}
	p.stop()
	p.c.s.stateChanged()
}

// work executes all steps that are possible now.
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
	p.setIdle(p.hasNothingToDo())
	return nil
}

func (p *pusher) hasNothingToDo() bool { return p.box.Idle() && p.aliases == 0 }

// setIdle publishes whether the push has work.
func (p *pusher) setIdle(idle bool) {
	if p.rest(idle, p.inbox) {
		p.c.s.stateChanged()
	}
}

// do executes one step of the outbox.
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

// report tells the listeners the outcome of items.
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
		case end.TooEarly: // keep the session: connecting again does not help
			events[i].Revision = string(it.Stored())
			p.c.ahead.offerAgain(time.Now())
		case end.Transient:
			p.c.s.leave(end.Err)
		case end.Err != nil && !end.Undecided:
			events[i].Revision = string(it.Stored())
		}
	}
	p.c.report(events...)
	p.box.Told(items)
}

// publishCounts adds the growth of the outbox's counts to the collection's counters.
func (p *pusher) publishCounts() {
	now, before, c := p.box.Counts(), p.counted, &p.c.counters
	now.Total += p.unread + p.box.Undecided()
	if now == before {
		return
	}
	p.counted = now
	c.pushTotal.Add(now.Total - before.Total) // which may be less than nothing: the sum wraps
	c.pushCompleted.Add(now.Completed - before.Completed)
	c.pushBytes.Add(now.Bytes - before.Bytes)
	c.deltaSaved.Add(now.Saved - before.Saved)
	c.deltasRefused.Add(now.DeltasRefused - before.DeltasRefused)
}

// read reads the heads of items and the next changes of the feed. It calls the filter outside of
// any transaction, because the filter may be slow and may read.
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
	p.holdBack(&page)
	p.haveRead(page)
	for i := range page.changes {
		doc := &page.changes[i]
		p.box.Changed(p.feed.head(doc), p.feed.filter(doc))
	}
	if limit > 0 {
		p.box.Reached(outbox.Sequence(p.feed.cursor), page.exhausted)
	}
	return p.sayNothing()
}

// holdBack ends a page before the first document that the client may know under another name. It does so until
// the client has pushed; the rest of the feed follows then. Of a one-shot subscription the end is held back too:
// what the client pushes may give documents other names, or be refused. A client that has heard that it is
// caught up must hear of nothing more: Couchbase Lite 3.0 crashes.
func (p *pusher) holdBack(page *page) {
	if p.opts.awaitFirst == nil || !p.c.s.pushesFirst() {
		return
	}
	for i := range page.changes {
		head := p.feed.head(&page.changes[i])
		if head.Names != nil && head.Names.MayHaveAlias() {
			p.feed.stepBack(page, i)
			p.pause(firstProposals)
			return
		}
	}
	if page.exhausted && !p.opts.continuous {
		page.exhausted = false
		p.pause(firstAtTheEnd)
	}
}

// pause leaves the rest of the feed unread until the client has pushed.
func (p *pusher) pause(patience time.Duration) {
	p.box.Pause(true)
	p.afterFirst(patience, func() { p.box.Pause(false) })
	p.opts.awaitFirst = nil
}

// afterFirst calls do, among the events of the push, when the client has pushed.
func (p *pusher) afterFirst(patience time.Duration, do func()) {
	await := p.opts.awaitFirst
	p.c.s.spawn(func(ctx context.Context) error {
		await(ctx, patience)
		p.inbox.put(func() error {
			do()
			return nil
		})
		return nil
	})
}

// sayNothing tells a peer that waits for our first proposals that there are none.
func (p *pusher) sayNothing() error {
	if !p.opts.saysNothing || !p.box.Idle() {
		return nil
	}
	p.opts.saysNothing = false
	m := p.side.announcement(p.c)
	m.Urgent, m.NoReply, m.Body = true, true, []byte("[]")
	return p.say(m, nil)
}

// haveRead takes the changes of a page off those that are to be read.
func (p *pusher) haveRead(page page) {
	read := uint64(0)
	for i := range page.changes {
		doc := &page.changes[i]
		if doc.Deleted && p.opts.liveOnly || p.opts.docIDs != nil && !p.opts.docIDs[doc.ID] {
			continue
		}
		read++
	}
	p.unread -= min(p.unread, read)
	if page.exhausted {
		p.unread = 0
	}
}

// mark records in the database which revisions the peer has.
func (p *pusher) mark(items []*outbox.Item) {
	p.c.s.spawn(func(ctx context.Context) error {
		err := p.c.s.db.Update(ctx, func(tx *store.Tx) error {
			return noteTaken(tx, p.c, items)
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

// touch makes a new revision of each item, to propose in place of the old one.
func (p *pusher) touch(ctx context.Context, items []*outbox.Item) (err error) {
	for _, it := range items {
		err = errors.Join(err, p.c.s.db.Update(ctx, func(tx *store.Tx) error {
			return tx.Touch(p.c.store(), it.ID, it.Stored())
		}))
	}
	return err
}

// countUnmet publishes since when items have waited for a revision that the pull does not bring.
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
