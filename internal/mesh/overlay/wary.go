package overlay

import (
	"slices"
	"time"
)

// meter counts events of late: its level sinks with time.
type meter struct {
	level float64
	at    time.Time
}

// read returns the level, which sinks by rate a second.
func (m *meter) read(now time.Time, rate float64) float64 {
	m.level = max(0, m.level-rate*now.Sub(m.at).Seconds())
	m.at = now
	return m.level
}

// add raises the level by n, to most at most.
func (m *meter) add(now time.Time, n, rate, most float64) {
	m.level = min(most, max(0, m.read(now, rate)+n))
}

// A member that makes up peers, or wrong addresses, is behind many attempts that lead nowhere.
const (
	waryFrom    = 6        // attempts with peers known by hearsay, from which on hearsay is not believed
	mostDoubt   = 32       // such attempts that count at most
	doubtFades  = 1.0 / 10 // attempts a second that are forgotten
	brokenFrom  = 12       // attempts with peers that one neighbour has named, from which on its word is worth nothing
	brokenFades = 1.0 / 30 // attempts a second that are forgotten
	newcomers   = 8        // peers a second that one neighbour may name on the average, and as many at once as are known
)

// standing is what a peer's word is worth, and by whose word the peer is known.
type standing struct {
	voucher *peer     // the neighbour that has named it as a neighbour of its own, or as one that it has met
	broken  meter     // attempts with peers that it has vouched for
	named   meter     // peers that were not known before
	said    []string  // its addresses, as it says itself
	upset   time.Time // when the word of others last changed when it is dialled
}

// doubts notes that a peer known by hearsay is dialled: it may be an invention.
func (o *Overlay) doubts(now time.Time) { o.doubt.add(now, 1, doubtFades, mostDoubt) }

// disappointed notes that a peer known by hearsay could not be reached.
func (o *Overlay) disappointed(now time.Time, p *peer) {
	if v := p.voucher; v != nil && p.failed == 0 {
		if v.broken.add(now, 1, brokenFades, mostDoubt); !v.credible(now) {
			v.broken.level, o.moved = mostDoubt, true // for minutes
		}
	}
}

// reassured notes that a peer exists.
func (o *Overlay) reassured(now time.Time, p *peer) {
	if p.dialing && !p.proven() {
		o.doubt.add(now, -1, doubtFades, mostDoubt)
	}
}

// beWary decides whether links are sought, and records believed and passed on, only of peers that this
// one has met, or that a neighbour vouches for whose word is worth something. Once that begins it lasts
// for minutes, as the liar may go on.
func (o *Overlay) beWary(now time.Time) {
	level := o.doubt.read(now, doubtFades)
	switch {
	case !o.careful && level >= waryFrom:
		o.careful, o.moved = true, true
		o.doubt.level = mostDoubt
	case o.careful && level < 1:
		o.careful, o.moved = false, true
		for _, p := range o.ring { // what was not passed on is passed on now
			if p.record != nil && !p.proven() {
				o.enter(p)
			}
		}
	}
}

// credible reports whether those for whom a peer has vouched could be reached, by and large.
func (p *peer) credible(now time.Time) bool { return p.broken.read(now, brokenFades) < brokenFrom }

// vouched reports whether there is more to a peer than hearsay.
func (o *Overlay) vouched(now time.Time, p *peer) bool {
	return p.link != nil || p.proven() || p.voucher != nil && p.voucher.credible(now)
}

// believes reports whether it matters what is said about a peer.
func (o *Overlay) believes(now time.Time, p *peer) bool { return !o.careful || o.vouched(now, p) }

// vouch notes that a neighbour stands for a peer, unless a credible one does so already.
func (o *Overlay) vouch(now time.Time, by, p *peer) {
	if p != by && p.met.IsZero() && (p.voucher == nil || !p.voucher.credible(now)) {
		p.voucher = by
	}
}

// vouchForLinks has a neighbour stand for those that it names as its own.
func (o *Overlay) vouchForLinks(now time.Time, by *peer) {
	for _, p := range o.nearTo(by) {
		o.vouch(now, by, p)
	}
}

// heardOf returns the peer of a record, nil if there is no room for it, or if the neighbour has named
// too many. A new link begins with those that the neighbour has met: it vouches for them.
func (o *Overlay) heardOf(now time.Time, l *link, id ID) *peer {
	by := l.peer
	vouched := by.credible(now) && (!l.heard || by.record != nil && slices.Contains(by.record.Links, id))
	p := o.peers[id]
	if p == nil && !vouched {
		if o.careful || by.named.read(now, newcomers) >= float64(o.cfg.MaxPeers) {
			return nil
		}
		by.named.add(now, 1, newcomers, float64(o.cfg.MaxPeers))
	}
	if p == nil {
		p = o.peer(id, vouched)
	}
	if p != nil && vouched {
		o.vouch(now, by, p)
	}
	if p != nil && !o.believes(now, p) {
		return nil
	}
	return p
}

// mayUpset reports whether what others say may change when a peer is dialled next: once a minute, or
// a liar could keep it from being dialled, or have it dialled again and again.
func (p *peer) mayUpset(now time.Time) bool {
	if now.Sub(p.upset) < upsetEvery {
		return false
	}
	p.upset = now
	return true
}
