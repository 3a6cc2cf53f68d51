package overlay

import (
	"slices"
	"time"
)

// Peer is a snapshot of what is known of another peer.
type Peer struct {
	ID        ID
	Name      string
	Addresses []string
	Links     []ID // its neighbours, as it says
	Linked    bool
	Dialled   bool // by this peer, if linked
	Wanted    bool // by this peer
	Online    bool // linked, or reachable over others
	Nearby    bool // discovered on the local network
	Met       time.Time
	NextDial  time.Time
	Trouble   string // why it could not be reached the last time; "" if it could
}

// Peers returns all known peers, by ID.
func (o *Overlay) Peers() []Peer {
	all := make([]Peer, 0, len(o.peers))
	for id, p := range o.peers {
		l := p.link
		s := Peer{
			ID: id, Name: p.name, Addresses: p.at, Linked: l != nil, Dialled: l != nil && l.dialled,
			Wanted: slices.Contains(o.wanted, p), Online: p.online || l != nil, Nearby: p.nearby,
			Met: p.met, NextDial: p.next, Trouble: p.why,
		}
		if p.record != nil {
			s.Name, s.Links = p.record.Name, slices.Clone(p.record.Links)
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b Peer) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return all
}

// IsOnline reports whether a peer is linked, or reachable over others.
func (o *Overlay) IsOnline(id ID) bool {
	p := o.peers[id]
	return p != nil && (p.online || p.link != nil)
}

// Links returns the number of links that stay: those that wait for the first message of the other
// end, or that one end has given up, do not count.
func (o *Overlay) Links() (n int) {
	for _, l := range o.links {
		if l.counts() {
			n++
		}
	}
	return n
}

// Own returns the record of this peer.
func (o *Overlay) Own() Record { return *o.own }

// Elsewhere returns the addresses in a record of this peer that it has not written in this life, and
// forgets them. An earlier life has written the record, or another peer with the same ID.
func (o *Overlay) Elsewhere() (addresses []string) {
	addresses, o.elsewhere = o.elsewhere, nil
	return addresses
}
