package overlay

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Kind says what an [Action] is about.
type Kind int

// The kinds of actions.
const (
	Dial Kind = iota // connect to Peer at the first of Addresses that leads to it; then call Up or Failed
	Say              // send Message to the neighbour Peer
	Drop             // end the link with Peer when it is idle; then call Down
)

// Action is something to do.
type Action struct {
	Kind      Kind
	Peer      ID
	Addresses []string
	Message   *Message
}

// dialsAtOnce bounds the attempts to connect that are under way, islandsAtOnce those among them to
// peers that nobody reaches.
const (
	dialsAtOnce   = 4
	islandsAtOnce = 1
)

// Tick returns the actions that are due now. Call it a few times a second, and soon after each event.
func (o *Overlay) Tick(now time.Time) (actions []Action) {
	o.renewRecord()
	if since := now.Sub(o.looked); since >= lookEvery || o.stale && since >= lookSoon {
		o.explore(now)
		o.askToDial(now, o.choose(now))
		actions = o.dials(now, actions)
		o.stale, o.looked = false, now
	}
	actions = o.sheds(actions)
	actions = o.drains(now, actions)
	return o.says(actions)
}

// renewRecord puts the present links into the own record.
func (o *Overlay) renewRecord() {
	if !o.changed {
		return
	}
	o.changed = false
	own := *o.own
	own.Links = slices.SortedFunc(maps.Keys(o.links), func(a, b ID) int { return slices.Compare(a[:], b[:]) })
	own.Links = own.Links[:min(len(own.Links), maxLinks)]
	own.Version++
	o.own = &own
	for _, l := range o.links {
		l.owed[own.ID] = struct{}{}
	}
}

// dials begins attempts to connect: to the wanted peers, to those that have asked for it, and now and
// then to one that nobody reaches.
func (o *Overlay) dials(now time.Time, actions []Action) []Action {
	busy := 0
	for _, p := range o.peers {
		if p.dialing {
			busy++
		}
	}
	dial := func(p *peer) {
		if p == nil || p.dialing || o.links[p.id] != nil || now.Before(p.next) || busy >= dialsAtOnce {
			return
		}
		if len(p.at) > 0 {
			p.dialing = true
			busy++
			actions = append(actions, Action{Kind: Dial, Peer: p.id, Addresses: p.at})
		}
	}
	for _, id := range o.wanted {
		dial(o.peers[id])
	}
	var island *peer
	islands := 0
	for _, p := range o.peers {
		switch {
		case now.Before(p.calls):
			dial(p)
		case p.online || p.nearby || o.links[p.id] != nil:
		case p.dialing:
			islands++
		case !now.Before(p.next) && (island == nil || p.next.Before(island.next)):
			island = p
		}
	}
	if islands < islandsAtOnce {
		dial(island)
	}
	return actions
}

// askToDial asks the successor to dial, if it is online but cannot be reached from here.
func (o *Overlay) askToDial(now time.Time, successor *peer) {
	switch {
	case successor == nil, o.links[successor.id] != nil, !successor.online, !successor.passedOver(now):
		return
	case now.Before(successor.full), now.Sub(successor.asked) < callEvery:
		return
	}
	successor.asked = now
	o.calls = append(o.calls, Call{To: successor.id, For: o.cfg.Self, Hops: maxHops})
}

// maxHops bounds the way of a [Call].
const maxHops = 12

// sheds gives up links beyond the limit that the other end can do without.
func (o *Overlay) sheds(actions []Action) []Action {
	excess := len(o.links) - o.cfg.MaxLinks
	if excess <= 0 {
		return actions
	}
	var victims []ID
	for id, l := range o.links {
		p := o.peers[id]
		if l.heard && !slices.Contains(o.wanted, id) && p.record != nil && len(p.record.Links) > 1 && !o.isPredecessor(p) {
			victims = append(victims, id)
		}
	}
	slices.SortFunc(victims, func(a, b ID) int { // the newest goes first
		return cmp.Or(o.links[b].since.Compare(o.links[a].since), slices.Compare(a[:], b[:]))
	})
	for _, id := range victims[:min(excess, len(victims))] {
		actions = append(actions,
			Action{Kind: Say, Peer: id, Message: &Message{Full: true, Records: o.candidates(id)}},
			Action{Kind: Drop, Peer: id})
	}
	return actions
}

// candidates returns the records of up to three peers that have room.
func (o *Overlay) candidates(but ID) (records []*Record) {
	for id, p := range o.peers {
		if len(records) == 3 {
			break
		}
		if id != but && p.online && p.record != nil && len(p.record.Links) < o.cfg.MaxLinks-1 && len(p.record.Addresses) > 0 {
			records = append(records, p.record)
		}
	}
	return records
}

// drains gives up links that neither end wants. The end that has dialled does so first.
func (o *Overlay) drains(now time.Time, actions []Action) []Action {
	for id, l := range o.links {
		if !l.heard || l.wanted || slices.Contains(o.wanted, id) {
			l.idle = time.Time{}
			continue
		}
		if l.idle.IsZero() {
			l.idle = now
		}
		patience := drainAfter
		if !l.dialled {
			patience *= 2
		}
		if now.Sub(l.idle) >= patience {
			l.idle = now
			actions = append(actions, Action{Kind: Drop, Peer: id})
		}
	}
	return actions
}
