package overlay

import "time"

// graph is what is known of the links among all peers.
type graph struct {
	round uint32 // the number of the last exploration
	era   uint32 // changes when peers become known or are forgotten
	queue []*peer
}

// near is the list of a peer's neighbours that are known.
type near struct {
	peers []*peer
	era   uint32 // of the graph, when the list was made
}

// nearTo returns the known neighbours of a peer, by its record.
func (o *Overlay) nearTo(p *peer) []*peer {
	if p.near.era != o.graph.era && p.record != nil {
		p.near.era, p.near.peers = o.graph.era, p.near.peers[:0]
		for _, id := range p.record.Links {
			if other := o.peers[id]; other != nil {
				p.near.peers = append(p.near.peers, other)
			}
		}
	}
	return p.near.peers
}

// explore finds out who is online: whoever is linked to this peer, or named as a neighbour in the
// record of one who is online. Whoever is not believed in is not.
func (o *Overlay) explore(now time.Time) {
	if !o.moved {
		return
	}
	o.moved, o.packed = false, false
	o.graph.round++
	queue := o.graph.queue[:0]
	for _, l := range o.links {
		l.peer.round, l.peer.via = o.graph.round, l
		queue = append(queue, l.peer)
	}
	for i := 0; i < len(queue); i++ {
		at := queue[i]
		for _, p := range o.nearTo(at) {
			if p.round != o.graph.round && o.believes(now, p) {
				p.round, p.via = o.graph.round, at.via
				queue = append(queue, p)
			}
		}
	}
	o.graph.queue = queue
	for _, p := range o.ring {
		was := p.online
		p.online = p.round == o.graph.round
		if was && !p.online && p.mayUpset(now) { // everybody notices at once, but not everybody is to dial at once
			p.failed = max(p.failed, 2)
			if later := now.Add(o.jitter(4 * time.Second)); p.next.Before(later) {
				p.next = later
			}
		}
	}
}
