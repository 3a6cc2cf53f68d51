package overlay

import (
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

// dialsAtOnce bounds the attempts to connect that are under way, unsureAtOnce those among them to peers
// known by hearsay, sameAtOnce those for whom the same neighbour vouches. Those to peers that nobody
// reaches are one at once, or as many as links are missing.
const (
	dialsAtOnce  = 4
	unsureAtOnce = 3
	sameAtOnce   = 2
)

// Tick returns the actions that are due now. Call it a few times a second, and soon after each event.
func (o *Overlay) Tick(now time.Time) (actions []Action) {
	o.renewRecord(now)
	soon := lookSoon + lookEach*time.Duration(len(o.ring))
	if since := now.Sub(o.looked); since >= max(lookEvery, soon) || o.stale && since >= soon {
		o.beWary(now)
		o.explore(now)
		o.askToDial(now, o.choose(now))
		actions = o.dials(now, actions)
		o.stale, o.looked = false, now
	}
	actions = o.sheds(actions)
	actions = o.drains(now, actions)
	return o.says(now, actions)
}

// renewRecord puts the present links into the own record, not too often.
func (o *Overlay) renewRecord(now time.Time) {
	if !o.changed || now.Sub(o.renewed) < renewEvery {
		return
	}
	o.changed, o.renewed = false, now
	own, former := *o.own, o.own.Links
	own.Links = make([]ID, 0, len(o.links))
	for _, l := range o.links {
		if l.counts() {
			own.Links = append(own.Links, l.peer.id)
			if l.peer.record != nil && !slices.Contains(former, l.peer.id) {
				l.peer.copies.has = l.reader.bit // those who had no use for it may have now
				o.enter(l.peer)
			}
		}
	}
	slices.SortFunc(own.Links, func(a, b ID) int { return slices.Compare(a[:], b[:]) })
	own.Links = own.Links[:min(len(own.Links), maxLinks)]
	own.Version++
	o.own = &own
	for _, l := range o.links {
		l.owesOwn = true
	}
}

// dialing are the attempts to connect that are under way.
type dialing struct {
	all      int
	vouchers []*peer // of the peers among them that are known by hearsay
}

// takes reports whether there may be an attempt with p, too. What one neighbour says does not take all.
func (d *dialing) takes(p *peer) bool {
	if d.all >= dialsAtOnce || p.proven() {
		return d.all < dialsAtOnce
	}
	same := 0
	for _, v := range d.vouchers {
		if v == p.voucher {
			same++
		}
	}
	return len(d.vouchers) < unsureAtOnce && same < sameAtOnce
}

func (d *dialing) add(p *peer) {
	d.all++
	if !p.proven() {
		d.vouchers = append(d.vouchers, p.voucher)
	}
}

// dials begins attempts to connect: to the wanted peers, to those that have asked for it, and now and
// then to one that nobody reaches.
func (o *Overlay) dials(now time.Time, actions []Action) []Action {
	var begun dialing
	for _, p := range o.ring {
		if p.dialing {
			begun.add(p)
		}
	}
	dial := func(p *peer) {
		if p == nil || p.dialing || p.link != nil || now.Before(p.next) || len(p.at) == 0 || !begun.takes(p) {
			return
		}
		p.dialing = true
		begun.add(p)
		if !p.proven() {
			o.doubts(now)
		}
		actions = append(actions, Action{Kind: Dial, Peer: p.id, Addresses: p.at})
	}
	for _, p := range o.wanted {
		dial(p)
	}
	var island *peer
	islands := max(1, choices+1-o.Links())
	for _, p := range o.ring {
		switch {
		case p.link == nil && !p.dialing && !o.believes(now, p):
		case now.Before(p.calls):
			dial(p)
		case p.online || p.nearby || p.link != nil:
		case p.dialing:
			islands--
		case !now.Before(p.next) && (island == nil || o.sooner(now, p, island)):
			island = p
		}
	}
	if islands > 0 {
		dial(island)
	}
	return actions
}

// proven reports whether there is more to a peer than what others say.
func (p *peer) proven() bool { return !p.met.IsZero() || len(p.hints) > 0 }

// sooner reports whether the overlay tries p before other, where nobody reaches p. A peer that is known
// to exist does not wait for one that may be an invention.
func (o *Overlay) sooner(now time.Time, p, other *peer) bool {
	if a, b := o.vouched(now, p), o.vouched(now, other); a != b {
		return a
	}
	return p.next.Before(other.next)
}

// askToDial asks the successor to dial, if it is online but cannot be reached from here.
func (o *Overlay) askToDial(now time.Time, successor *peer) {
	switch {
	case successor == nil, successor.link != nil, !successor.online, !successor.passedOver(now):
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
	excess := o.Links() - o.cfg.MaxLinks
	if excess <= 0 {
		return actions
	}
	var victims []*link
	for _, l := range o.links {
		p := l.peer
		if l.counts() && !slices.Contains(o.wanted, p) && p.record != nil && len(p.record.Links) > 1 && !o.isPredecessor(p) {
			victims = append(victims, l)
		}
	}
	slices.SortStableFunc(victims, func(a, b *link) int { // those that are kept go last, the newest first
		if x, y := slices.Contains(o.kept, a.peer), slices.Contains(o.kept, b.peer); x != y {
			return map[bool]int{true: 1, false: -1}[x]
		}
		return b.since.Compare(a.since)
	})
	for _, l := range victims[:min(excess, len(victims))] {
		l.leaving, o.changed = true, true
		actions = append(actions,
			Action{Kind: Say, Peer: l.peer.id, Message: &Message{Full: true, Records: o.candidates(l.peer)}},
			Action{Kind: Drop, Peer: l.peer.id})
	}
	return actions
}

// candidates returns the records of up to three peers that have room.
func (o *Overlay) candidates(but *peer) (records []*Record) {
	for _, id := range o.cfg.Rand.Perm(len(o.ring)) {
		p := o.ring[id]
		if len(records) == 3 {
			break
		}
		if p != but && p.online && p.record != nil && len(p.record.Links) < o.cfg.MaxLinks-1 && len(p.record.Addresses) > 0 {
			records = append(records, p.record)
		}
	}
	return records
}

// drains gives up links that neither end wants, and those whose other end says nothing. The end that
// has dialled does so first.
func (o *Overlay) drains(now time.Time, actions []Action) []Action {
	for _, l := range o.links {
		silent := !l.heard && now.Sub(l.since) >= unheardFor
		if !silent && (l.leaving || !l.heard || l.wanted || o.isOfUse(l.peer)) {
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
		if !l.leaving && (silent || now.Sub(l.idle) >= patience) {
			l.leaving, o.changed = true, true
			actions = append(actions, Action{Kind: Drop, Peer: l.peer.id})
		}
	}
	return actions
}
