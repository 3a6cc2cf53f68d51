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
		if r != nil && r.Version <= maxVersion {
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
		if r.Version > o.own.Version && r.Version < maxVersion || r.Version == o.own.Version && !slices.Equal(r.Links, o.own.Links) { // of an earlier life
			own := *o.own
			own.Version = r.Version
			o.own, o.changed = &own, true
			r.tidy()
			o.elsewhere = slices.DeleteFunc(slices.Clone(r.Addresses), func(a string) bool { return slices.Contains(own.Addresses, a) })
		}
		return
	}
	p := o.heardOf(now, l, r.ID)
	if p == nil {
		return
	}
	itself := p == l.peer
	if p.link != nil && p.link.heard && !itself { // it speaks for itself
		if p.record != nil && r.Version > p.record.Version {
			p.link.remind = r
		}
		return
	}
	switch {
	case p.record == nil:
	case itself && !p.record.equal(r):
		if r.Version <= p.record.Version {
			l.remind = p.record
		}
	case r.Version < p.record.Version:
		p.copies.has &^= l.reader.bit
		o.enter(p)
		return
	case r.Version == p.record.Version:
		p.copies.has |= l.reader.bit
		return
	}
	o.takeRecord(now, p, r, itself)
	p.copies.has = l.reader.bit
	o.enter(p)
}

// takeRecord takes a record that is newer than the present one, or comes from the peer itself.
func (o *Overlay) takeRecord(now time.Time, p *peer, r *Record, itself bool) {
	r.tidy()
	if p.record == nil || !slices.Equal(p.record.Links, r.Links) {
		p.near.era = o.graph.era - 1 // to be made anew
		o.moved = true
	}
	moved := p.record == nil || !slices.Equal(p.record.Addresses, r.Addresses)
	p.record, o.stale = r, true
	if itself {
		p.said = r.Addresses
		o.vouchForLinks(now, p)
	}
	if moved || itself {
		o.renewAddresses(p)
	}
	if moved && p.proven() && p.mayUpset(now) {
		p.failed, p.next = 0, now
	}
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
func (o *Overlay) says(now time.Time, actions []Action) []Action {
	calls := o.calls
	o.calls = nil
	for _, l := range o.links {
		m := &Message{Wanted: !l.leaving && o.isOfUse(l.peer)}
		for _, c := range calls {
			if p := o.peers[c.To]; p != nil && p.online && p.via == l {
				m.DialMe = append(m.DialMe, c)
			}
		}
		m.Records = o.owedTo(now, l)
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
func (o *Overlay) owedTo(now time.Time, l *link) []*Record {
	p := parcel{left: maxParcel}
	if l.owesOwn {
		p.add(o.own)
		l.owesOwn = false
	}
	if !l.introduced { // alone, as the neighbour takes this one's word for them
		l.introduced = true
		o.introduce(l, &p)
		return p.records
	}
	if l.remind != nil {
		p.add(l.remind)
		l.remind = nil
	}
	before := p.left
	if l.sent.read(now, saysRate) < saysBurst {
		o.unread(now, l, &p)
	}
	l.sent.add(now, float64(before-p.left), saysRate, 2*saysBurst)
	return p.records
}

// introduce takes the records of peers that this one has met: a new neighbour hears of them first,
// however many others there are said to be. It also hears what was said of itself: of two peers with one ID each
// takes the link from the other, which leaves time for no second message.
func (o *Overlay) introduce(l *link, to *parcel) {
	if l.peer.record != nil {
		to.add(l.peer.record)
	}
	for _, p := range o.ring {
		if p != l.peer && p.record != nil && p.proven() && (p.online || p.link != nil) {
			if !to.add(p.record) {
				break
			}
			p.copies.has |= l.reader.bit
		}
	}
}

// Bounds of what a link says. A neighbour takes more than that.
const (
	maxParcel = 96 << 10 // bytes of the records in one message
	saysBurst = 3 << 20  // bytes of records at once,
	saysRate  = 32 << 10 // and bytes each second on the average, beside the own record
)

// parcel is what fits into a message.
type parcel struct {
	records []*Record
	left    int // bytes
}

// add reports false for a record that does not fit.
func (p *parcel) add(r *Record) bool {
	size := r.size()
	if len(p.records) == MaxRecords || size > p.left {
		return false
	}
	p.records, p.left = append(p.records, r), p.left-size
	return true
}
