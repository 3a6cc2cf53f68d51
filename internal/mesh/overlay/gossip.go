package overlay

import (
	"slices"
	"time"
)

// Hear takes what a neighbour has said. Messages of others are ignored.
func (o *Overlay) Hear(now time.Time, from ID, m *Message) {
	l := o.links[from]
	if l == nil {
		return
	}
	for _, r := range m.Records[:min(len(m.Records), MaxRecords)] {
		if r != nil {
			o.hearRecord(now, from, l, r)
		}
	}
	for _, c := range m.DialMe[:min(len(m.DialMe), MaxCalls)] {
		o.hearCall(now, c)
	}
	l.heard = true
	l.wanted = m.Wanted
	if p := o.peers[from]; m.Full {
		p.full = now.Add(fullFor + o.jitter(fullFor))
		p.why = "it has enough links, and named others"
		o.stale = true
	}
}

func (o *Overlay) hearRecord(now time.Time, from ID, l *link, r *Record) {
	r.tidy()
	if r.ID == o.cfg.Self {
		if r.Version > o.own.Version || r.Version == o.own.Version && !slices.Equal(r.Links, o.own.Links) { // of an earlier life
			own := *o.own
			own.Version = r.Version
			o.own, o.changed = &own, true
		}
		return
	}
	p := o.peer(r.ID)
	if p == nil {
		return
	}
	switch {
	case p.record != nil && r.Version < p.record.Version:
		l.owed[r.ID] = struct{}{}
		return
	case p.record != nil && r.Version == p.record.Version:
		delete(l.owed, r.ID)
		return
	}
	moved := p.record == nil || !slices.Equal(p.record.Addresses, r.Addresses)
	p.record = r
	if moved {
		p.failed, p.next = 0, now
		p.renewAddresses()
	}
	o.stale = true
	for id, other := range o.links {
		if id != from && id != r.ID {
			other.owed[r.ID] = struct{}{}
		}
	}
	delete(l.owed, r.ID)
}

// hearCall notes a request to dial, or passes it on.
func (o *Overlay) hearCall(now time.Time, c Call) {
	if c.To == o.cfg.Self {
		if p := o.peers[c.For]; p != nil && o.links[c.For] == nil && !p.passedOver(now) {
			p.calls = now.Add(called)
		}
		return
	}
	if c.Hops = min(c.Hops, maxHops) - 1; c.Hops > 0 && len(o.calls) < MaxCalls {
		o.calls = append(o.calls, c)
	}
}

// says tells each neighbour what it is owed.
func (o *Overlay) says(actions []Action) []Action {
	calls := o.calls
	o.calls = nil
	for id, l := range o.links {
		m := &Message{Wanted: slices.Contains(o.wanted, id)}
		for _, c := range calls {
			if p := o.peers[c.To]; p != nil && p.online && p.via == id {
				m.DialMe = append(m.DialMe, c)
			}
		}
		m.Records = o.owedTo(l)
		told := 1
		if m.Wanted {
			told = 2
		}
		if told != l.told || len(m.Records) > 0 || len(m.DialMe) > 0 {
			l.told = told
			actions = append(actions, Action{Kind: Say, Peer: id, Message: m})
		}
	}
	return actions
}

// owedTo takes the records for one message: the own one first, then as many as fit.
func (o *Overlay) owedTo(l *link) (records []*Record) {
	if _, owed := l.owed[o.cfg.Self]; owed {
		records = append(records, o.own)
		delete(l.owed, o.cfg.Self)
	}
	for id := range l.owed {
		if len(records) == MaxRecords {
			break
		}
		delete(l.owed, id)
		if p := o.peers[id]; p != nil && p.record != nil {
			records = append(records, p.record)
		}
	}
	return records
}
