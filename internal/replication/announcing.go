package replication

import (
	"context"
	"slices"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
)

// offer announces the next changes, if the peer has not too many to answer already. It
// reports whether it did anything.
func (p *pusher) offer(ctx context.Context) (bool, error) {
	if p.batches >= announcementsInWork || len(p.ready) > 3*changesPerBatch {
		return false, nil
	}
	if len(p.parts) > 0 {
		part := p.parts[0]
		p.parts = p.parts[1:]
		return true, p.announce(part)
	}
	batch, err := p.nextBatch(ctx)
	if err != nil {
		return false, err
	}
	if len(batch) == 0 && p.inFlight == 0 && p.batches == 0 && len(p.ready) == 0 {
		batch, p.lastTries = p.lastTries, nil
	}
	if len(batch) > 0 {
		return true, p.announce(batch)
	}
	if !p.announced && !p.opts.proposes && p.exhausted {
		p.announced = true
		return true, p.announceCaughtUp()
	}
	return false, nil
}

// announce sends one batch, or as much of it as goes into a frame, and keeps the rest for later: a message
// of several frames could be overtaken by the next one, and few peers put them in order. The reply goes to
// the inbox.
func (p *pusher) announce(batch []*item) error {
	profile := wire.ProfileChanges
	if p.opts.proposes {
		profile = wire.ProfileProposeChanges
	}
	m := p.c.message(profile)
	m.Urgent, m.Compress = true, true
	m.Body = []byte{'['}
	for i, it := range batch {
		body := m.Body
		if i > 0 {
			body = append(body, ',')
		}
		body = p.appendAnnouncement(body, it)
		if i > 0 && len(body) > announcementBytes {
			p.parts = slices.Insert(p.parts, 0, batch[i:])
			batch = batch[:i:i]
			break
		}
		m.Body = body
		it.asked = it.rev.ID
		it.attempts++
	}
	m.Body = append(m.Body, ']')
	if p.opts.proposes {
		m.Properties.Add(wire.PropConflictRev, wire.Yes)
	}
	if p.opts.toGateway {
		m.Properties.Add(wire.PropIgnoreConflicts, wire.Yes) // or it wants to be proposed to
	}
	p.batches++
	return p.c.s.send(m, func(reply *blip.Reply, err error) {
		p.inbox.put(func() error { return p.answered(batch, reply, err) })
	})
}

func (p *pusher) appendAnnouncement(body []byte, it *item) []byte {
	if p.opts.proposes {
		return wire.AppendProposal(body, it.id, it.rev.Vector(), parentOf(it.rev.ID, it.parent), it.size)
	}
	return wire.AppendChange(body, uint64(it.seq), it.id, it.rev.ID, it.deleted, it.size)
}

// parentOf returns the parent to propose rev with, for a peer that has known. What the peer has already is
// proposed without one: a Sync Gateway that is told to have it asks for it again over the fourth protocol.
func parentOf(rev, known revision.ID) revision.ID {
	if known.Is(rev) {
		return ""
	}
	return known
}

// announceCaughtUp tells that everything which existed at the start was announced.
func (p *pusher) announceCaughtUp() error {
	m := p.c.message(wire.ProfileChanges)
	m.Urgent, m.NoReply = true, true
	m.Body = []byte("[]")
	return p.c.s.send(m, nil)
}
