package replication

import (
	"context"
	"strconv"
	"sync"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// puller decides which announced revisions of one collection are wanted. It serves both roles: an active
// peer hears changes, a passive one proposeChanges.
type puller struct {
	*intake
	receiver *receiver
	queue    chan *blip.Request // announcements, answered in order

	mu       sync.Mutex // guards the following
	awaiting bool       // subscribed, and the peer has not said that we are caught up
	caughtUp bool       // the caught-up message has arrived, though it may still be queued
	answered bool       // a reply has said what we take
	queued   int        // announcements not yet answered
}

func newPuller(in *intake, r *receiver) *puller {
	r.whenRoom(in.wanted.hasRoom)
	return &puller{intake: in, receiver: r, queue: make(chan *blip.Request, announcementsQueued)}
}

// subscribed says that the peer was asked for changes and owes a caught-up message.
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

// announced queues a changes or proposeChanges message. A peer that does not wait for our
// answers is cut off before they fill the memory.
func (p *puller) announced(req *blip.Request) error {
	if p.isIdle(req) {
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

// isCaughtUp reports whether the peer has told of all that there was at the start.
func (p *puller) isCaughtUp() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.awaiting
}

// isIdle reports whether a message announces nothing, wants no answer, and does not end our wait either. A
// peer may send one each time that it finds nothing to announce.
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
		return unlessDeleted(p.answerProposals(ctx, req))
	}
	return unlessDeleted(p.answerChanges(ctx, req))
}

// unlessDeleted makes of what the store says about a deleted collection what a peer is to hear.
func unlessDeleted(err error) error {
	if isNotFound(err) {
		return fault.New(fault.HTTP, 404, "the collection was deleted").Because(err)
	}
	return err
}

// waitForRoom waits until few enough of the wanted revisions are still to come, or wait for
// their blobs.
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

// heads reads the documents with these IDs; nil stands for one that does not exist.
func (p *puller) heads(ctx context.Context, ids []string) ([]*store.Document, error) {
	var heads []*store.Document
	err := p.c.s.db.View(ctx, func(tx *store.Tx) (err error) {
		heads, err = tx.Heads(p.c.store(), ids)
		return err
	})
	return heads, err
}

// reply answers an announcement, and says what we can take (spec/replication.md §6).
func (p *puller) reply(req *blip.Request, answers []wire.Answer) {
	m := &blip.Message{Body: wire.AppendAnswers(nil, answers), Compress: true, Urgent: true}
	if !p.c.s.vectors() {
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

// withdrawn handles a promise that the peer cannot keep (spec/replication.md §9).
func (p *puller) withdrawn(req *blip.Request) error {
	id := req.Properties.Value(wire.PropID)
	w := p.wanted.arrived(id, req.Properties.Value(wire.PropSequence), revision.ID(req.Properties.Value(wire.PropRev)))
	p.c.s.log.Info("the peer has withdrawn a revision", "document", id,
		"error", req.Properties.Value(wire.PropError), "reason", req.Properties.Value(wire.PropReason))
	p.wanted.done(w)
	req.Reply(&blip.Message{})
	return nil
}
