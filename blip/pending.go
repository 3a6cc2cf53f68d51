package blip

import "iter"

// The length of [pending].recent. One that is longer than idleRecent is not kept without requests.
const (
	leastRecent = 16
	idleRecent  = 256
	mostRecent  = 4096
)

// pending holds the requests that have no complete reply, by number. Numbers grow by one, and most
// replies come in that order, so that most requests stand in recent, each at its number modulo the
// length. A request whose place another one needs moves to late. The zero value is empty.
type pending struct {
	recent []*outgoing // the length is a power of two, or 0
	count  int         // of recent
	late   map[uint64]*outgoing
}

// place returns the place of a number in recent, which must not be empty.
func (p *pending) place(number uint64) **outgoing {
	return &p.recent[number&uint64(len(p.recent)-1)] //nolint:gosec // a length is not negative
}

// get returns the request with this number, or nil.
func (p *pending) get(number uint64) *outgoing {
	if p.count > 0 {
		if o := *p.place(number); o != nil && o.number == number {
			return o
		}
	}
	return p.late[number]
}

// add adds a request, whose number must be new.
func (p *pending) add(o *outgoing) {
	if 2*p.count >= len(p.recent) && len(p.recent) < mostRecent {
		p.grow()
	}
	place := p.place(o.number)
	if before := *place; before == nil {
		p.count++
	} else {
		if p.late == nil {
			p.late = make(map[uint64]*outgoing)
		}
		p.late[before.number] = before
	}
	*place = o
}

func (p *pending) grow() {
	before := p.recent
	p.recent = make([]*outgoing, max(2*len(before), leastRecent))
	for _, o := range before {
		if o != nil {
			*p.place(o.number) = o // their places differ, as they did before
		}
	}
}

// remove removes the request with this number, if it is there.
func (p *pending) remove(number uint64) {
	if p.count > 0 {
		if place := p.place(number); *place != nil && (*place).number == number {
			*place = nil
			if p.count--; p.count == 0 && len(p.recent) > idleRecent {
				p.recent = nil
			}
			return
		}
	}
	delete(p.late, number)
}

// all yields all requests, in no order.
func (p *pending) all() iter.Seq[*outgoing] {
	return func(yield func(*outgoing) bool) {
		for _, o := range p.recent {
			if o != nil && !yield(o) {
				return
			}
		}
		for _, o := range p.late {
			if !yield(o) {
				return
			}
		}
	}
}
