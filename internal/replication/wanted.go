package replication

import (
	"slices"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication/checkpoint"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
)

// want is a revision that was asked for, until it is stored or never will be.
type want struct {
	id      string
	rev     revision.ID
	text    string               // the sequence as announced
	seq     *checkpoint.Sequence // active side only; nil once it is left open
	size    int
	since   time.Time
	arrived bool        // and not yet stored
	lost    atomic.Bool // the user may not see it any more: it is not to be stored
}

// register notes the revisions asked for, before the peer can hear of it.
func (p *puller) register(changes []wire.Change, answers []wire.Answer, seqs []*checkpoint.Sequence) {
	var done []*checkpoint.Sequence
	now := time.Now()
	p.mu.Lock()
	for i, c := range changes {
		if !answers[i].Send {
			done = append(done, seqs[i])
			continue
		}
		p.wanted[c.ID] = append(p.wanted[c.ID],
			&want{id: c.ID, rev: c.Rev.ID, text: c.Sequence, seq: seqs[i], size: c.Size, since: now})
		p.count++
		p.bytes += c.Size
	}
	p.mu.Unlock()
	p.c.counters.pullCompleted.Add(uint64(len(done)))
	p.c.ledger.completeRemote(done...)
}

// arrived finds the want that a rev or norev message fulfils; nil if nobody had asked. The
// sequence tells which; a peer that sends another is believed by the revision, and else by the ID.
func (p *puller) arrived(id, sequence string, rev revision.ID) *want {
	p.mu.Lock()
	defer p.mu.Unlock()
	w := mostAlike(p.wanted[id], sequence, rev)
	if w == nil {
		w = p.bySequenceLocked(sequence)
	}
	if w != nil {
		w.arrived = true
	}
	return w
}

func mostAlike(wants []*want, sequence string, rev revision.ID) (found *want) {
	likeness := 0
	for _, w := range wants {
		alike := 1
		switch {
		case w.arrived:
			continue
		case w.text == sequence:
			alike = 3
		case w.rev == rev:
			alike = 2
		}
		if alike > likeness {
			found, likeness = w, alike
		}
	}
	return found
}

// bySequenceLocked finds a want whatever the document's ID: one that is no UTF-8 reads otherwise in an
// announcement, which is JSON, than in a property.
func (p *puller) bySequenceLocked(sequence string) *want {
	for _, wants := range p.wanted {
		for _, w := range wants {
			if !w.arrived && w.text == sequence {
				return w
			}
		}
	}
	return nil
}

// again says that the peer is going to send the revision once more.
func (p *puller) again(w *want) {
	if w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w.since, w.arrived = time.Now(), false
}

// lose says that the user may not see a document any more: what was asked for before, up to the want
// last or all if it is nil, is not to be stored.
func (p *puller) lose(id string, last *want) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, w := range p.wanted[id] {
		w.lost.Store(true)
		if w == last {
			return
		}
	}
}

// done says that what was wanted is stored, or never will be.
func (p *puller) done(w *want) {
	if w != nil {
		if w.seq != nil { // first: a session with nothing left to do saves its checkpoint and ends
			p.c.counters.pullCompleted.Add(1)
			p.c.ledger.completeRemote(w.seq)
		}
		p.mu.Lock()
		p.forgetLocked(w)
		p.mu.Unlock()
	}
	p.hasRoom()
	p.c.s.stateChanged()
}

func (p *puller) forgetLocked(w *want) {
	wants := p.wanted[w.id]
	i := slices.Index(wants, w)
	switch {
	case i < 0:
		return
	case len(wants) == 1:
		delete(p.wanted, w.id)
	default:
		p.wanted[w.id] = slices.Delete(wants, i, i+1)
	}
	p.count--
	p.bytes -= w.size
}

// leaveOpen says that what was wanted did not arrive and is not to count as done: the
// checkpoint stays before it, and the next session asks for it again.
func (p *puller) leaveOpen(w *want) {
	if w == nil {
		return
	}
	if w.seq != nil {
		p.c.ledger.leaveRemote(w.seq)
		w.seq = nil
	}
	p.done(w)
}

// overdue reports whether the peer owes a revision since before the given time.
func (p *puller) overdue(before time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, wants := range p.wanted {
		for _, w := range wants {
			if !w.arrived && w.since.Before(before) {
				return true
			}
		}
	}
	return false
}

// noRevArrived handles a promise that the peer cannot keep (spec/replication.md §9).
func (c *collection) noRevArrived(req *blip.Request) error {
	id := req.Properties.Value(wire.PropID)
	w := c.pull.arrived(id, req.Properties.Value(wire.PropSequence), revision.ID(req.Properties.Value(wire.PropRev)))
	c.s.log.Info("the peer has withdrawn a revision", "document", id,
		"error", req.Properties.Value(wire.PropError), "reason", req.Properties.Value(wire.PropReason))
	c.pull.done(w)
	req.Reply(&blip.Message{})
	return nil
}
