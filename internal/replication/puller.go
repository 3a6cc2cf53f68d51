package replication

import (
	"context"
	"strconv"
	"sync"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// puller decides which announced revisions of one collection are wanted, in both roles: an active
// peer receives changes, a passive one proposeChanges.
type puller struct {
	*intake
	receiver *receiver
	queue    chan *blip.Request // announcements, answered in order
	foretold uint64             // changes that follow the last announcement; run alone uses it

	proposed chan struct{} // closed when the peer has made its first proposals
	once     sync.Once     // closes proposed

	mu       sync.Mutex // guards the following
	awaiting bool       // subscribed, and the peer has not yet reported that we are caught up
	caughtUp bool       // the caught-up message has arrived, though it may still be queued
	answered bool       // a reply has stated our limits
	queued   int        // announcements without an answer
}

func newPuller(in *intake, r *receiver) *puller {
	r.whenRoom(in.wanted.hasRoom)
	return &puller{
		intake: in, receiver: r, queue: make(chan *blip.Request, announcementsQueued), proposed: make(chan struct{}),
	}
}

// subscribed says that the peer has been asked for changes and owes a caught-up message.
func (p *puller) subscribed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.awaiting = true
}

func (p *puller) busy() bool {
	p.mu.Lock()
	waits := p.awaiting || p.queued > 0
	p.mu.Unlock()
	return waits || p.wanted.busy()
}

// announced queues a changes or proposeChanges message. It cuts off a peer that ignores the limit
// on unanswered messages, before they fill the memory.
func (p *puller) announced(req *blip.Request) error {
	if p.isIdle(req) {
		p.hasProposed()
		return nil
	}
	p.mu.Lock()
	p.queued++
	p.mu.Unlock()
	select {
	case p.queue <- req:
		return nil
	default:
		p.c.s.fail(fault.ProtocolError.Says("the peer sent more than %d announcements at once", announcementsQueued))
		return nil
	}
}

// isCaughtUp reports whether the peer has announced every change that existed at the start.
func (p *puller) isCaughtUp() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.awaiting
}

// isIdle reports whether a message announces nothing, wants no reply, and does not end the wait for
// the caught-up message. Some peers send one whenever they find nothing to announce.
func (p *puller) isIdle(req *blip.Request) bool {
	if !req.NoReply || string(req.Body) != "[]" {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.awaiting || p.caughtUp {
		return true
	}
	p.caughtUp = true
	return false
}

// run answers announcements until ctx ends.
func (p *puller) run(ctx context.Context) error {
	for {
		select {
		case <-ctx.Done():
			return nil
		case req := <-p.queue:
			if err := p.answer(ctx, req); err != nil {
				p.c.s.refuse(req, err)
				if err := p.side.unanswered(req.Profile(), err); err != nil {
					return err
				}
			}
			p.mu.Lock()
			p.queued--
			p.mu.Unlock()
			p.c.s.stateChanged()
		}
	}
}

func (p *puller) answer(ctx context.Context, req *blip.Request) error {
	if err := p.side.mayAnnounce(req.Profile()); err != nil {
		return err
	}
	if req.Profile() == wire.ProfileProposeChanges {
		defer p.hasProposed()
		return unlessDeleted(p.answerProposals(ctx, req))
	}
	return unlessDeleted(p.answerChanges(ctx, req))
}

func (p *puller) hasProposed() { p.once.Do(func() { close(p.proposed) }) }

// awaitFirst waits until a client has made its first proposals and has sent what they offer, at most until a
// time. A client that hears of our revisions before it has pushed may take the mere name of one for an edit
// that is later than its own.
func (p *puller) awaitFirst(ctx context.Context, until time.Time) {
	timer := time.NewTimer(time.Until(until))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return
	case <-timer.C:
		return
	case <-p.proposed:
	}
	for p.parents.waiting() {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case <-p.parents.arrived():
		}
	}
}

// unlessDeleted translates the store's error about a deleted collection for the peer.
func unlessDeleted(err error) error {
	if isNotFound(err) {
		return fault.New(fault.HTTP, 404, "the collection was deleted").Because(err)
	}
	return err
}

// waitForRoom waits while too many wanted revisions are outstanding or wait for their blobs.
func (p *puller) waitForRoom(ctx context.Context) error {
	for p.wanted.isFull() || p.receiver.isFull() || p.c.ledger.openRemote() >= sequencesOpen {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.wanted.room:
		}
	}
	return nil
}

// whenFree calls decide, which returns the documents that are to be asked for, until no other session
// of the database is fetching one of them.
func (p *puller) whenFree(ctx context.Context, decide func() (ids []string, err error)) error {
	for range maxWaits {
		ids, err := decide()
		if err != nil {
			return err
		}
		wait := p.c.s.claims.take(p.c.store().FullName(), ids, time.Now())
		if wait == nil {
			return nil
		}
		if err := waitFor(ctx, wait, claimPatience); err != nil {
			return err
		}
	}
	return nil
}

func waitFor(ctx context.Context, event <-chan struct{}, limit time.Duration) error {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-event:
	case <-timer.C:
	}
	return nil
}

// expect adds announced revisions to the total, and those that the peer says will follow.
func (p *puller) expect(announced int, remaining int64) {
	follow := uint64(min(max(remaining, 0), maxRemaining))
	p.c.counters.pullTotal.Add(uint64(announced) + follow - p.foretold) // in one step; the sum may wrap
	p.foretold = follow
	p.c.s.progressed()
}

// heads reads the documents with these IDs. nil stands for a missing document.
func (p *puller) heads(ctx context.Context, ids []string) ([]*store.Document, error) {
	var heads []*store.Document
	err := p.c.s.db.View(ctx, func(tx *store.Tx) (err error) {
		heads, err = tx.Heads(p.c.store(), ids)
		return err
	})
	return heads, err
}

// reply answers an announcement. The first reply also states our limits.
func (p *puller) reply(req *blip.Request, answers []wire.Answer) {
	m := &blip.Message{Body: wire.AppendAnswers(nil, answers), Compress: true, Urgent: true}
	if !p.c.s.versions() {
		m.Properties.Add(wire.PropMaxHistory, strconv.Itoa(defaultHistory))
	}
	m.Properties.Add(wire.PropBlobs, wire.Yes)
	p.mu.Lock()
	first := !p.answered
	p.answered = true
	p.mu.Unlock()
	if p.c.s.common.Deltas && first {
		m.Properties.Add(wire.PropDeltas, wire.Yes)
	}
	m.Properties.Add(wire.PropSendReplacement, wire.Yes)
	req.Reply(m)
}

// withdrawn handles norev: the peer cannot send a revision that it has announced.
func (p *puller) withdrawn(req *blip.Request) error {
	id := req.Properties.Value(wire.PropID)
	w := p.wanted.arrived(id, req.Properties.Value(wire.PropSequence), revision.ID(req.Properties.Value(wire.PropRev)))
	p.c.s.log.Info("the peer has withdrawn a revision", "document", id,
		"error", req.Properties.Value(wire.PropError), "reason", req.Properties.Value(wire.PropReason))
	p.c.s.claims.release(p.c.store().FullName(), id)
	p.parents.left(id)
	p.wanted.done(w)
	req.Reply(&blip.Message{})
	return nil
}
