package overlay

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"slices"
	"time"
)

// peer is what is known of another peer. The fields that [Overlay.explore] reads come first, so that
// they share a line of the processor's cache.
type peer struct {
	round  uint32  // the last exploration that has reached it
	online bool    // reachable over links of records
	nearby bool    // discovered, and not gone since
	near   near    // its neighbours
	via    *link   // the link on the way there
	link   *link   // nil if there is none
	record *Record // nil until one was heard
	copies copies

	id    ID
	place place
	hints []string  // addresses where it was seen
	at    []string  // these, and those of the record
	name  string    // of an earlier life
	met   time.Time // when the last link began or ended
	attempts
	standing
}

// place says where a peer stands.
type place struct {
	distance uint64 // how far it comes after this one on the ring
	weight   [choices]uint64
}

// attempts are those to connect with a peer.
type attempts struct {
	dialing bool
	failed  int       // in a row
	next    time.Time // not to be dialled before
	full    time.Time // passed over until then
	asked   time.Time // when it was last asked to dial
	calls   time.Time // it asks to be dialled until then
	why     string    // the last failure, for people
}

type link struct {
	peer       *peer
	dialled    bool // by us
	since      time.Time
	failed     int       // attempts before it
	heard      bool      // the other end has said something
	wanted     bool      // by the other end
	leaving    bool      // one end has given it up for want of room, or because nobody wants it
	told       int       // 0 nothing, 1 unwanted, 2 wanted
	idle       time.Time // since when neither end wants it; zero if one does
	owesOwn    bool      // the own record is owed
	remind     *Record   // of the other end, which has a later version than what it says: it is to go beyond
	introduced bool      // to the peers that this one has met
	reader     reader
	sent       meter // bytes of records
}

// counts reports whether a link is one of those that are limited: the other end has been heard, and
// neither end has given it up.
func (l *link) counts() bool { return l.heard && !l.leaving }

func ringPoint(id ID) uint64 { return hash64("ring", id, ID{}) }

func hash64(purpose string, a, b ID) uint64 {
	text := make([]byte, 0, len(purpose)+2*len(a))
	text = append(append(append(text, purpose...), a[:]...), b[:]...)
	sum := sha256.Sum256(text)
	return binary.BigEndian.Uint64(sum[:])
}

// peer returns what is known of a peer, nil if there is no room for one more. For one that is there
// without doubt, one goes that is known by hearsay, even if that one is said to be online.
func (o *Overlay) peer(id ID, sure bool) *peer {
	p := o.peers[id]
	if p != nil || id == o.cfg.Self {
		return p
	}
	if len(o.peers) >= o.cfg.MaxPeers && (o.packed && !sure || !o.forgetOne(sure)) {
		o.packed = true
		return nil
	}
	p = &peer{id: id, copies: copies{entry: -1}, place: place{distance: ringPoint(id) - o.point}} // distances wrap around
	for k := range p.place.weight {
		p.place.weight[k] = hash64("link"+string(rune('0'+k)), o.cfg.Self, id)
	}
	o.peers[id] = p
	i, _ := slices.BinarySearchFunc(o.ring, p, func(a, b *peer) int { return cmp.Compare(a.place.distance, b.place.distance) })
	o.ring = slices.Insert(o.ring, i, p)
	o.graph.era++
	o.moved = true
	return p
}

// forgetOne makes room: the peer goes that was offline for longest, or is known by hearsay alone.
func (o *Overlay) forgetOne(sure bool) bool {
	last := -1
	for i, p := range o.ring {
		idle := p.link == nil && !p.nearby && !p.dialing && (!p.online || sure && !p.proven())
		if idle && (last < 0 || p.lessKnown(o.ring[last])) {
			last = i
		}
	}
	if last >= 0 {
		delete(o.peers, o.ring[last].id)
		o.ring[last].copies.entry = -1
		o.ring = slices.Delete(o.ring, last, last+1)
		o.graph.era++
		o.moved = true
	}
	return last >= 0
}

func (p *peer) lessKnown(other *peer) bool {
	if a, b := p.proven(), other.proven(); a != b {
		return b
	}
	if a, b := p.voucher != nil, other.voucher != nil; a != b {
		return b
	}
	return p.met.Before(other.met)
}

// passedOver reports whether a peer without a link is left out of the choice for now. One that was
// never met may be an invention, and has one attempt.
func (p *peer) passedOver(now time.Time) bool {
	patience := 1
	if p.met.IsZero() {
		patience = 0
	}
	return now.Before(p.full) || p.failed > patience && now.Before(p.next) || len(p.at) == 0
}

// linked reports whether there is a link that stays.
func (p *peer) linked() bool { return p.link != nil && !p.link.leaving }

// renewAddresses puts together where a peer may be dialled: where it was seen, where it has said that
// it is, and where others say. An address of this peer itself never counts. A loopback address counts
// if the peer was seen there, or if this peer has one, too.
func (o *Overlay) renewAddresses(p *peer) {
	p.at = cleanAddresses(append(slices.Clone(p.hints), p.said...))
	if p.record != nil {
		for _, a := range p.record.Addresses {
			if !slices.Contains(p.at, a) {
				p.at = append(p.at, a)
			}
		}
	}
	local := slices.ContainsFunc(o.own.Addresses, isLoopback)
	p.at = slices.DeleteFunc(p.at, func(a string) bool {
		return slices.Contains(o.own.Addresses, a) || !local && isLoopback(a) && !slices.Contains(p.hints, a)
	})
}

func isLoopback(address string) bool {
	at, err := netip.ParseAddrPort(address)
	return err == nil && at.Addr().Unmap().IsLoopback()
}
