package replication

import (
	"context"
	"fmt"
	"strconv"
	"sync"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
)

// puller decides which announced revisions of one collection are wanted, and keeps account
// of them until they are stored. It serves both roles: an active peer hears changes, a
// passive one proposeChanges.
type puller struct {
	c     *collection
	queue chan *blip.Request // announcements, answered in order

	mu       sync.Mutex // guards the following
	awaiting bool       // subscribed, and the peer has not said that we are caught up
	caughtUp bool       // it has, be the message still in the queue
	answered bool       // a reply has said what we take
	queued   int        // announcements not yet answered
	wanted   map[string][]*want
	count    int // of wanted
	bytes    int // of wanted, as announced
	room     chan struct{}
}

func newPuller(c *collection) *puller {
	return &puller{
		c:      c,
		queue:  make(chan *blip.Request, announcementsQueued),
		wanted: make(map[string][]*want),
		room:   make(chan struct{}, 1),
	}
}

// subscribed says that the peer was asked for changes and owes a caught-up message.
func (p *puller) subscribed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.awaiting = true
}

func (p *puller) busy() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.awaiting || p.queued > 0 || p.count > 0
}

// announced queues a changes or proposeChanges message. A peer that does not wait for our
// answers is cut off before they fill the memory.
func (c *collection) announced(req *blip.Request) error {
	p := c.pull
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
		c.s.fail(fault.ProtocolError.Says("the peer sent more than %d announcements at once", announcementsQueued))
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
				if p.c.s.active != nil && p.c.opts.Pull && req.Profile() == wire.ProfileChanges {
					// To go on would pass over what the message announces.
					return fmt.Errorf("pull %s: %w", p.c.store().FullName(), wire.FromStranger(err))
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
	s := p.c.s
	switch proposing := req.Profile() == wire.ProfileProposeChanges; {
	case s.shared != nil && s.shared.ReadOnly:
		return fault.New(fault.HTTP, 403, "attempting to push to a read-only peer")
	case proposing && s.active != nil:
		return fault.New(fault.HTTP, 403, "an active peer takes no proposals")
	case s.active != nil && !p.c.opts.Pull:
		return fault.New(fault.HTTP, 403, "this peer does not pull")
	case proposing:
		return unlessDeleted(p.answerProposals(ctx, req))
	default:
		return unlessDeleted(p.answerChanges(ctx, req))
	}
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
	for {
		p.mu.Lock()
		full := p.count >= revsWanted || p.bytes >= revBytesWanted
		p.mu.Unlock()
		full = full || p.c.s.receiver.waiting.Load() >= revsFetchingBlobs || p.c.ledger.openRemote() >= sequencesOpen
		if !full {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-p.room:
		}
	}
}

// hasRoom says that there may be room for more revisions.
func (p *puller) hasRoom() {
	select {
	case p.room <- struct{}{}:
	default:
	}
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
