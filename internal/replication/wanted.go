package replication

import (
	"slices"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/revision"
)

// want is a revision that was asked for.
type want struct {
	rev   revision.ID
	text  string          // the sequence as announced
	seq   *remoteSequence // active side only
	size  int
	since time.Time
}

// register notes the revisions asked for, before the peer can hear of it.
func (p *puller) register(changes []change, answers []answer, seqs []*remoteSequence) {
	var done []*remoteSequence
	now := time.Now()
	p.mu.Lock()
	for i, c := range changes {
		if !answers[i].Send {
			done = append(done, seqs[i])
			continue
		}
		p.wanted[c.ID] = append(p.wanted[c.ID],
			&want{rev: c.Rev.ID, text: c.Sequence, seq: seqs[i], size: c.Size, since: now})
		p.count++
		p.bytes += c.Size
	}
	p.mu.Unlock()
	p.c.counters.pullCompleted.Add(uint64(len(done)))
	if p.c.check != nil {
		p.c.check.completeRemote(done...)
	}
}

// arrived takes the want that a rev or norev message fulfils off the list; nil if nobody
// had asked. The sequence tells which; a peer that sends another is believed by the ID.
func (p *puller) arrived(id, sequence string, rev revision.ID) *want {
	p.mu.Lock()
	defer p.mu.Unlock()
	wants := p.wanted[id]
	if len(wants) == 0 {
		return nil
	}
	i := slices.IndexFunc(wants, func(w *want) bool { return w.text == sequence })
	if i < 0 {
		i = max(0, slices.IndexFunc(wants, func(w *want) bool { return w.rev == rev }))
	}
	w := wants[i]
	if len(wants) == 1 {
		delete(p.wanted, id)
	} else {
		p.wanted[id] = slices.Delete(wants, i, i+1)
	}
	return w
}

// again puts a want back: the peer is going to send the revision once more.
func (p *puller) again(id string, w *want) {
	if w == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	w.since = time.Now()
	p.wanted[id] = append(p.wanted[id], w)
}

// done says that what was wanted is stored, or never will be.
func (p *puller) done(wants ...*want) {
	var seqs []*remoteSequence
	p.mu.Lock()
	for _, w := range wants {
		if w != nil {
			p.count--
			p.bytes -= w.size
			if w.seq != nil {
				seqs = append(seqs, w.seq)
			}
		}
	}
	p.mu.Unlock()
	p.hasRoom()
	p.c.counters.pullCompleted.Add(uint64(len(seqs)))
	if p.c.check != nil {
		p.c.check.completeRemote(seqs...)
	}
	p.c.s.stateChanged()
}

// leaveOpen says that what was wanted did not arrive and is not to count as done: the
// checkpoint stays before it, and the next session asks for it again.
func (p *puller) leaveOpen(w *want) {
	if w == nil {
		return
	}
	open := *w
	if open.seq != nil {
		p.c.check.leaveRemote(open.seq)
		open.seq = nil
	}
	p.done(&open)
}

// overdue reports whether the peer owes a revision since before the given time.
func (p *puller) overdue(before time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, wants := range p.wanted {
		for _, w := range wants {
			if w.since.Before(before) {
				return true
			}
		}
	}
	return false
}

// noRevArrived handles a promise that the peer cannot keep (spec/replication.md §9).
func (c *collection) noRevArrived(req *blip.Request) error {
	id := req.Properties.Value(propID)
	w := c.pull.arrived(id, req.Properties.Value(propSequence), revision.ID(req.Properties.Value(propRev)))
	c.s.log.Info("the peer has withdrawn a revision", "document", id,
		"error", req.Properties.Value(propError), "reason", req.Properties.Value(propReason))
	c.pull.done(w)
	req.Reply(&blip.Message{})
	return nil
}
