package overlay

import (
	"slices"
	"time"
)

// choices is how many peers each one chooses beside its successor on the ring.
const choices = 2

// hasRoom reports whether a peer, as far as is told, takes another link without giving up one. Where
// somebody lies, the peer itself is asked.
func (o *Overlay) hasRoom(p *peer) bool {
	return o.careful || p.record == nil || len(p.record.Links) < o.cfg.MaxLinks-1
}

// choose decides which peers this one wants links with. It returns the true successor on the ring,
// which may be passed over for now. A link that served in place of a wanted one is kept until that
// one stands: peers that do not exist cost no links.
func (o *Overlay) choose(now time.Time) (successor *peer) {
	o.wanted, o.kept = o.wanted[:0], o.kept[:0]
	for _, p := range o.ring {
		if p.link == nil && !p.online && !p.nearby {
			continue
		}
		if successor == nil {
			successor = p
		}
		if p.linked() {
			o.want(p, len(o.wanted) == 0)
			break
		}
		if len(o.wanted) == 0 && !p.passedOver(now) && o.believes(now, p) {
			o.want(p, true)
		}
	}
	for k := range o.slots {
		o.fillSlot(now, k)
	}
	for k := range o.slots {
		o.keepForSlot(k)
	}
	return successor
}

// want notes a peer as wanted, or as kept if another one is wanted in its place.
func (o *Overlay) want(p *peer, first bool) {
	if first {
		o.wanted = append(o.wanted, p)
	} else {
		o.kept = append(o.kept, p)
	}
}

// fillSlot keeps the peer in a slot while it is of use, and puts the next one there otherwise. A peer
// that would be the first choice but comes later changes nothing.
func (o *Overlay) fillSlot(now time.Time, k int) {
	if p := o.slots[k]; p == nil || !o.fits(now, p) {
		var best *peer
		for _, p := range o.ring {
			if (best == nil || p.place.weight[k] < best.place.weight[k]) && o.fits(now, p) {
				best = p
			}
		}
		o.slots[k] = best
		if best == nil {
			return
		}
	}
	o.wanted = append(o.wanted, o.slots[k])
}

// keepForSlot keeps the best link in place of the peer in a slot, while that one has none.
func (o *Overlay) keepForSlot(k int) {
	if p := o.slots[k]; p == nil || p.linked() {
		return
	}
	var best *peer
	for _, l := range o.links {
		p := l.peer
		if !l.leaving && !o.isOfUse(p) && (best == nil || p.place.weight[k] < best.place.weight[k]) {
			best = p
		}
	}
	if best != nil {
		o.kept = append(o.kept, best)
	}
}

// isOfUse reports whether this peer wants a link, or keeps it for now.
func (o *Overlay) isOfUse(p *peer) bool {
	return slices.Contains(o.wanted, p) || slices.Contains(o.kept, p)
}

func (o *Overlay) fits(now time.Time, p *peer) bool {
	if slices.Contains(o.wanted, p) {
		return false
	}
	return p.linked() || (p.online || p.nearby) && !p.passedOver(now) && (p.dialing || o.hasRoom(p)) &&
		o.believes(now, p)
}

// isPredecessor reports whether this peer is the successor of the one at the other end of a link.
func (o *Overlay) isPredecessor(p *peer) bool {
	for _, other := range slices.Backward(o.ring) {
		if other == p {
			return true
		}
		if other.online || other.link != nil {
			return false
		}
	}
	return false
}
