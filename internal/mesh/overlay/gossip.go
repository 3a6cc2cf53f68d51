package overlay

import (
	"slices"
	"time"
)

// Hear takes what a neighbour has said. Messages of others are ignored.
func (o *Overlay) Hear(now time.Time, from ID, m *Message) {
	p := o.peers[from]
	if p == nil || p.link == nil {
		return
	}
	l := p.link
	for _, r := range m.Records[:min(len(m.Records), MaxRecords)] {
		if r != nil {
			o.hearRecord(now, l, r)
		}
	}
	for _, c := range m.DialMe[:min(len(m.DialMe), MaxCalls)] {
		o.hearCall(now, c)
	}
	if !l.heard {
		l.heard, o.changed = true, true
	}
	l.wanted = m.Wanted
	if m.Full {
		p.full = now.Add(fullFor + o.jitter(fullFor))
		p.why = "it has enough links, and named others"
		l.leaving, o.stale, o.changed = true, true, true
	}
}

func (o *Overlay) hearRecord(now time.Time, l *link, r *Record) {
	if r.ID == o.cfg.Self {
		if r.Version > o.own.Version || r.Version == o.own.Version && !slices.Equal(r.Links, o.own.Links) { // of an earlier life
			own := *o.own
			own.Version = r.Version
			o.own, o.changed = &own, true
			r.tidy()
			o.elsewhere = slices.DeleteFunc(slices.Clone(r.Addresses), func(a string) bool { return slices.Contains(own.Addresses, a) })
		}
		return
	}
	p := o.peer(r.ID, false)
	if p == nil {
		return
	}
	if p.link != nil && p.link.heard && p.link != l { // it speaks for itself
		return
	}
	switch {
	case p.record != nil && r.Version < p.record.Version:
		p.copies.has &^= l.reader.bit
		o.enter(p)
		return
	case p.record != nil && r.Version == p.record.Version:
		p.copies.has |= l.reader.bit
		return
	}
	r.tidy()
	if p.record == nil || !slices.Equal(p.record.Links, r.Links) {
		p.near.era = o.graph.era - 1 // to be made anew
		o.moved = true
	}
	moved := p.record == nil || !slices.Equal(p.record.Addresses, r.Addresses)
	p.record = r
	if moved {
		p.failed, p.next = 0, now
		o.renewAddresses(p)
	}
	o.stale = true
	p.copies.has = l.reader.bit
	o.enter(p)
}

// hearCall notes a request to dial, or passes it on.
func (o *Overlay) hearCall(now time.Time, c Call) {
	if c.To == o.cfg.Self {
		if p := o.peers[c.For]; p != nil && p.link == nil && !p.passedOver(now) {
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
	for _, l := range o.links {
		m := &Message{Wanted: !l.leaving && o.isOfUse(l.peer)}
		for _, c := range calls {
			if p := o.peers[c.To]; p != nil && p.online && p.via == l {
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
			actions = append(actions, Action{Kind: Say, Peer: l.peer.id, Message: m})
		}
	}
	return actions
}

// owedTo takes the records for one message: the own one first, then as many as fit.
func (o *Overlay) owedTo(l *link) (records []*Record) {
	if l.owesOwn {
		records = append(records, o.own)
		l.owesOwn = false
	}
	if !l.introduced {
		l.introduced = true
		records = o.introduce(l, records)
	}
	return o.unread(l, records)
}

// introduce takes the records of peers that this one has met: a new neighbour hears of them first,
// however many others there are said to be.
func (o *Overlay) introduce(l *link, records []*Record) []*Record {
	for _, p := range o.ring {
		if len(records) == MaxRecords {
			break
		}
		if p != l.peer && p.record != nil && p.proven() && (p.online || p.link != nil) {
			p.copies.has |= l.reader.bit
			records = append(records, p.record)
		}
	}
	return records
}
