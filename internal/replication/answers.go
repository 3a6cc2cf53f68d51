package replication

import (
	"errors"
	"fmt"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
)

// answered takes the peer's reply to a batch.
func (p *pusher) answered(batch []*item, reply *blip.Reply, err error) error {
	p.batches--
	if err != nil {
		return p.batchRefused(batch, err)
	}
	if p.opts.proposes && !p.accepted {
		p.accepted = true
		p.c.refusals.forgetAll()
	}
	p.peer.read(reply.Properties)
	answers, err := wire.ParseAnswers(reply.Body, len(batch))
	if err != nil {
		return fault.Remote.Because(err)
	}
	if err := p.noteListed(batch, answers); err != nil {
		return err
	}
	for i, it := range batch {
		if p.opts.proposes {
			p.takeProposalAnswer(it, answers[i])
		} else {
			p.takeChangeAnswer(it, answers[i])
		}
	}
	return nil
}

// batchRefused deals with a peer that refuses a whole announcement. If one entry can be the
// reason, the batch is announced again in two halves, down to the entry that is to blame.
func (p *pusher) batchRefused(batch []*item, err error) error {
	var refusal *blip.Error
	if !errors.As(err, &refusal) {
		return nil // the connection has ended, and tells why itself
	}
	err = wire.FromPeer(err)
	forAll := fault.HasCode(err, fault.WebSocket, 403) || fault.HasCode(err, fault.WebSocket, 409)
	switch {
	case p.opts.proposes && !errors.Is(err, fault.Remote):
		if !fault.IsTransient(err) {
			p.c.refusals.rememberAll(err)
		}
		return fmt.Errorf("push %s: %w", p.c.store().FullName(), err)
	case !p.opts.proposes && forAll:
		p.c.s.log.Warn("the peer refuses our changes", "error", err)
		p.stop()
	case len(batch) > 1:
		p.parts = append(p.parts, batch[:len(batch)/2], batch[len(batch)/2:])
	default:
		p.done(batch[0], fault.Remote.In("announce", batch[0].id).Because(err))
	}
	return nil
}

func (l *peerLimits) read(props blip.Properties) {
	l.maxHistory = int(props.Int(wire.PropMaxHistory, defaultHistory))
	l.blobs = props.Bool(wire.PropBlobs)
	l.deltas = l.deltas || props.Bool(wire.PropDeltas)
	l.replacements = l.replacements || props.Bool(wire.PropSendReplacement)
}

// takeChangeAnswer handles one item of the reply to changes.
func (p *pusher) takeChangeAnswer(it *item, a wire.Answer) {
	switch {
	case a.Send:
		it.known = a.Known
		p.want(it)
	case a.Status == 0:
		p.done(it, nil)
	default:
		p.done(it, fault.New(fault.WebSocket, a.Status, "the peer refused the change"))
	}
}

// takeProposalAnswer handles one item of the reply to proposeChanges (spec/replication.md §7).
func (p *pusher) takeProposalAnswer(it *item, a wire.Answer) {
	switch {
	case a.Status == 0:
		p.want(it)
	case a.Status == 304 && it.parent == it.rev.ID:
		p.confirmed(it)
	case a.Status == 304:
		p.settle(it)
	case a.Status == 409:
		p.conflicting(it, a)
	default:
		err := fault.New(fault.WebSocket, a.Status, "the peer refused the revision").In("push", it.id)
		if fault.IsTransient(err) {
			p.postpone(it, err)
			return
		}
		p.done(it, err)
	}
}

// conflicting handles a proposal that the peer finds in conflict. If what it has is an
// ancestor of ours, or it has nothing, the parent was wrong and is corrected. If it has seen ours, too,
// a new revision of ours is made. Otherwise the pull has to bring its revision first.
func (p *pusher) conflicting(it *item, a wire.Answer) {
	theirs, err := revision.ParseVector(a.Rev)
	seen := a.HasRev && err == nil && it.rev.Contains(theirs.ID)
	switch {
	case it.attempts >= maxResolveAttempts:
	case a.HasRev && a.Rev == "" && it.parent != "":
		it.parent = ""
		p.proposals = append(p.proposals, it)
		return
	case seen && isMutual(it, theirs) && !p.touched[it.id]:
		p.touchLater(it)
		return
	case seen && theirs.ID != it.parent:
		it.parent = theirs.ID
		p.proposals = append(p.proposals, it)
		return
	}
	p.hold(it, fault.RemoteConflict.In("push", it.id).Says("the peer has another revision, %q", a.Rev))
}

// hold keeps an item until the pull has brought the peer's revision. Without a pull it fails, unless
// it was offered only because no checkpoint vouches for it: the peer has gone on from there, and no edit
// of ours is refused.
func (p *pusher) hold(it *item, err error) {
	switch {
	case p.c.opts.Pull:
		p.keep(it)
		p.lookLater(lookup{id: it.id}) // it may have come already
	case it.before == it.rev.ID:
		p.obsolete(it)
	default:
		p.done(it, err)
	}
}

func (p *pusher) keep(it *item) {
	it.state, it.since, it.met = held, time.Now(), false
	p.heldItems++
}

// want has a revision sent, after the document's earlier one.
func (p *pusher) want(it *item) {
	it.state = ready
	p.count(it)
	if !it.behind {
		p.ready = append(p.ready, it)
	}
}

// count counts an item as one to be dealt with, once.
func (p *pusher) count(it *item) {
	if !it.counted {
		it.counted = true
		p.c.counters.pushTotal.Add(1)
	}
}

// settle notes in the database that the peer has the revision, and then ends the item.
func (p *pusher) settle(it *item) {
	it.state = settling
	if p.c.s.remote == 0 {
		p.done(it, nil)
		return
	}
	p.c.ledger.arrived(it.seq)
	p.settling = append(p.settling, it)
}

// done ends an item: its sequence counts as dealt with.
func (p *pusher) done(it *item, err error) {
	p.c.ledger.completeLocal(it.seq)
	if it.state != offered || err != nil {
		p.count(it)
		p.c.counters.pushCompleted.Add(1)
		if err != nil || it.taken || !it.again {
			p.c.report(DocumentEvent{
				ID: it.id, Revision: string(it.rev.ID), Push: true, Deleted: it.deleted, Err: err,
				counted: err == nil && !it.taken,
			})
		}
	}
	if err == nil {
		delete(p.touched, it.id)
	}
	p.release(it)
}

// confirmed ends an item of which we knew that the peer has it. It is not counted once more,
// but told: the last session may have been cut before it could.
func (p *pusher) confirmed(it *item) {
	p.c.report(DocumentEvent{ID: it.id, Push: true, Deleted: it.deleted, counted: true})
	p.done(it, nil)
}

// release takes an item off the list without a word on its sequence. If the document has
// changed meanwhile, it is looked at again.
func (p *pusher) release(it *item) {
	if p.current[it.id] == it {
		delete(p.current, it.id)
	}
	if it.state == held {
		p.heldItems--
	}
	if len(it.newer) > 0 {
		p.lookLater(lookup{id: it.id, seqs: it.newer})
	}
	if it.theirs != "" {
		p.lookLater(lookup{id: it.id, ours: it.rev.ID, theirs: it.theirs})
	}
	if it.later != nil {
		p.follow(it, it.later)
	}
}

// follow has later sent, if it is wanted, now that the document's earlier revision it is gone.
func (p *pusher) follow(it, later *item) {
	later.behind = false
	if it.taken {
		later.parent = it.rev.ID
	}
	if later.state == ready {
		p.ready = append(p.ready, later)
	}
}
