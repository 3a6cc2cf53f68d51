package overlay

import (
	"slices"
	"time"
)

// choices is how many peers each one chooses beside its successor on the ring.
const choices = 2

// passedOver reports whether a peer without a link is left out of the choice for now.
func (p *peer) passedOver(now time.Time) bool {
	return now.Before(p.full) || p.failed > 1 && now.Before(p.next) || len(p.at) == 0
}

func (p *peer) renewAddresses() {
	p.at = p.hints
	if p.record != nil {
		p.at = cleanAddresses(append(slices.Clone(p.hints), p.record.Addresses...))
	}
}

// hasRoom reports whether a peer, as far as it tells, takes another link without giving up one.
func (o *Overlay) hasRoom(p *peer) bool {
	return p.record == nil || len(p.record.Links) < o.cfg.MaxLinks-1
}

// choose decides which peers this one wants links with. It returns the true successor on the ring,
// which may be passed over for now.
func (o *Overlay) choose(now time.Time) (successor *peer) {
	var next *peer
	for _, p := range o.peers {
		linked := o.links[p.id] != nil
		if !linked && !p.online && !p.nearby {
			continue
		}
		if o.isBefore(p, successor) {
			successor = p
		}
		if (linked || !p.passedOver(now)) && o.isBefore(p, next) {
			next = p
		}
	}
	o.wanted = nil
	if next != nil {
		o.wanted = append(o.wanted, next.id)
	}
	for k := range o.slots {
		o.fillSlot(now, k)
	}
	return successor
}

// fillSlot keeps the peer in a slot while it is of use, and puts the next one there otherwise. A peer
// that would be the first choice but comes later changes nothing.
func (o *Overlay) fillSlot(now time.Time, k int) {
	if p := o.peers[o.slots[k]]; p == nil || !o.fits(now, p) {
		var best *peer
		for _, p := range o.peers {
			if (best == nil || p.weight[k] < best.weight[k]) && o.fits(now, p) {
				best = p
			}
		}
		o.slots[k] = ID{}
		if best == nil {
			return
		}
		o.slots[k] = best.id
	}
	o.wanted = append(o.wanted, o.slots[k])
}

func (o *Overlay) fits(now time.Time, p *peer) bool {
	if slices.Contains(o.wanted, p.id) {
		return false
	}
	return o.links[p.id] != nil || (p.online || p.nearby) && !p.passedOver(now) && (p.dialing || o.hasRoom(p))
}

// isBefore reports whether p comes sooner than other after this peer on the ring.
func (o *Overlay) isBefore(p, other *peer) bool {
	return other == nil || p.point-o.point < other.point-o.point // distances wrap around
}

// isPredecessor reports whether this peer is the successor of the one at the other end of a link.
func (o *Overlay) isPredecessor(p *peer) bool {
	for _, other := range o.peers {
		if other != p && (other.online || o.links[other.id] != nil) && other.point-p.point < o.point-p.point {
			return false
		}
	}
	return true
}

// explore finds out who is online: whoever is linked to this peer, or named as a neighbour in the
// record of one who is online.
func (o *Overlay) explore(now time.Time) {
	for _, p := range o.peers {
		p.was, p.online = p.online, false
	}
	queue := make([]*peer, 0, len(o.peers))
	for id := range o.links {
		p := o.peers[id]
		p.online, p.via = true, id
		queue = append(queue, p)
	}
	for len(queue) > 0 {
		at := queue[0]
		queue = queue[1:]
		if at.record == nil {
			continue
		}
		for _, id := range at.record.Links {
			if p := o.peers[id]; p != nil && !p.online {
				p.online, p.via = true, at.via
				queue = append(queue, p)
			}
		}
	}
	for _, p := range o.peers {
		if p.was && !p.online { // everybody notices at once, but not everybody is to dial at once
			p.failed = max(p.failed, 2)
			if later := now.Add(o.jitter(4 * time.Second)); p.next.Before(later) {
				p.next = later
			}
		}
	}
}
