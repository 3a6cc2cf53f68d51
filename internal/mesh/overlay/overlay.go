package overlay

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// Config says who the peer is. Self and Rand are required.
type Config struct {
	Self     ID
	Name     string
	Version  uint64 // of the first record; a later life should begin higher, and catches up if not
	MaxLinks int    // zero means 8
	MaxPeers int    // zero means 4096
	Rand     *rand.Rand
}

// The times of the rule.
const (
	drainAfter   = 30 * time.Second // that neither end wants a link
	fullFor      = time.Minute      // at least: how long a full peer is passed over
	callEvery    = 20 * time.Second // between two requests to be dialled by one peer
	called       = 30 * time.Second // how long such a request holds
	shortLife    = 10 * time.Second // of a link that was of no use
	maxBackOff   = 5 * time.Minute
	renewEvery   = time.Second            // between two versions of the own record
	unheardFor   = time.Minute            // until a link is given up whose other end says nothing
	lookEvery    = time.Second            // the choice is made anew at least so often,
	lookSoon     = 400 * time.Millisecond // and after events at most so often,
	lookEach     = 500 * time.Microsecond // and for each known peer later
	upsetEvery   = time.Minute            // between two changes of the time to dial by what others say
	defaultLinks = 8
	defaultPeers = 4096
)

// Overlay is the state of one peer.
type Overlay struct {
	cfg   Config
	own   *Record
	point uint64 // on the ring
	peers map[ID]*peer
	ring  []*peer // all, in the order in which they come after this one
	links []*link // the oldest first

	slots   [choices]*peer // the chosen peers beside the successor; nil for none
	wanted  []*peer        // these, and the successor
	kept    []*peer        // whose links stay until those with the wanted ones stand
	stale   bool           // something has changed since the last look
	moved   bool           // links or records have
	changed bool           // the own record is out of date
	looked  time.Time
	calls   []Call    // to pass on with the next Tick
	renewed time.Time // the own record, the last time
	doubt   meter     // attempts with peers known by hearsay that have led nowhere
	careful bool      // only peers that are vouched for are wanted
	packed  bool      // there was no room for hearsay since the last look
	graph   graph
	journal journal

	elsewhere []string // addresses in a record of this peer that it has not written in this life
}

// New returns the state of a peer that knows nobody.
func New(cfg Config) *Overlay {
	cfg.MaxLinks = cmp.Or(cfg.MaxLinks, defaultLinks)
	cfg.MaxPeers = cmp.Or(cfg.MaxPeers, defaultPeers)
	return &Overlay{
		cfg: cfg, own: &Record{ID: cfg.Self, Version: cfg.Version, Name: CleanName(cfg.Name)},
		point: ringPoint(cfg.Self), peers: make(map[ID]*peer), changed: true,
	}
}

// SetName says what people call this peer.
func (o *Overlay) SetName(name string) {
	if name = CleanName(name); name != o.own.Name {
		own := *o.own
		own.Name = name
		o.own, o.changed = &own, true
	}
}

// SetAddresses says where others can reach this peer, best first.
func (o *Overlay) SetAddresses(addresses []string) {
	addresses = cleanAddresses(addresses)
	if !slices.Equal(addresses, o.own.Addresses) {
		own := *o.own
		own.Addresses = addresses
		o.own, o.changed = &own, true
		for _, p := range o.ring {
			o.renewAddresses(p)
		}
	}
}

// Seen says that a peer was discovered at addresses, which come first from now on. The peer counts
// as reachable until [Overlay.Gone].
func (o *Overlay) Seen(now time.Time, id ID, addresses []string) {
	p := o.peer(id, true)
	if p == nil {
		return
	}
	if fresh := cleanAddresses(append(slices.Clone(addresses), p.hints...)); !slices.Equal(fresh, p.hints) {
		p.hints, p.failed, p.next = fresh, 0, now
		o.renewAddresses(p)
	}
	p.nearby, o.stale = true, true
}

// Recall says what is known of a peer from an earlier life: its name, where it was, and when it was met
// last.
func (o *Overlay) Recall(now time.Time, id ID, name string, addresses []string, met time.Time) {
	o.Seen(now, id, addresses)
	o.Gone(id)
	if p := o.peers[id]; p != nil {
		p.name, p.met = CleanName(name), met
	}
}

// Gone says that a discovered peer has vanished from the network.
func (o *Overlay) Gone(id ID) {
	if p := o.peers[id]; p != nil {
		p.nearby, o.stale = false, true
	}
}

// Verdict says what becomes of a new connection.
type Verdict int

// The verdicts.
const (
	Keep    Verdict = iota // the new connection is the link
	Replace                // the new connection is the link; close the former one
	Refuse                 // the former connection stays the link; close the new one
)

// Up says that there is a connection with a peer, dialled by us or by the other end. Of two that both
// have dialled at once, both ends keep the one that the peer with the smaller ID has dialled. The link
// counts from the first message on.
func (o *Overlay) Up(now time.Time, id ID, dialled bool) Verdict {
	p := o.peer(id, true)
	if p == nil {
		return Refuse
	}
	verdict := Keep
	if old := p.link; old != nil {
		ours := slices.Compare(o.cfg.Self[:], id[:]) < 0
		if old.dialled != dialled && old.dialled == ours {
			return Refuse
		}
		o.unlink(p)
		verdict = Replace
	}
	o.reassured(now, p)
	failed := p.failed
	p.dialing, p.failed, p.why, p.met = false, 0, "", now
	p.calls, p.full, p.voucher = time.Time{}, time.Time{}, nil
	p.link = &link{peer: p, dialled: dialled, since: now, failed: failed, reader: o.newReader(), owesOwn: true}
	o.links = append(o.links, p.link)
	o.stale, o.moved, o.changed = true, true, true
	return verdict
}

func (o *Overlay) unlink(p *peer) {
	o.endReader(p.link.reader)
	o.links = slices.DeleteFunc(o.links, func(l *link) bool { return l == p.link })
	p.link = nil
}

// Down says that the link with a peer has ended, and why, for people; "" if in order. Refused
// connections are not links. A link that was short counts as a failure to connect.
func (o *Overlay) Down(now time.Time, id ID, why string) {
	p := o.peers[id]
	if p == nil || p.link == nil {
		return
	}
	l := p.link
	o.unlink(p)
	p.met, p.next, p.why = now, now.Add(o.jitter(time.Second)), why
	if why != "" && now.Sub(l.since) < shortLife {
		p.failed = l.failed + 1
		p.next = now.Add(o.jitter(BackOff(p.failed)))
	}
	o.stale, o.moved, o.changed = true, true, true
}

// Failed says that no address of a peer has led to it. why is for people.
func (o *Overlay) Failed(now time.Time, id ID, why string) {
	p := o.peers[id]
	if p == nil {
		return
	}
	p.dialing, p.why = false, why
	if p.link != nil {
		return
	}
	if !p.proven() {
		o.disappointed(now, p)
	}
	p.failed++
	p.next = now.Add(o.jitter(BackOff(p.failed)))
	o.stale = true
}

// BackOff returns how long to wait after a number of failures in a row: 1, 4, 8 … seconds, 5 minutes
// at most.
func BackOff(failures int) time.Duration {
	if failures <= 1 {
		return time.Second
	}
	return min(time.Second<<min(failures, 20), maxBackOff)
}

// jitter returns a time between half of d and one and a half.
func (o *Overlay) jitter(d time.Duration) time.Duration {
	return d/2 + time.Duration(o.cfg.Rand.Int64N(int64(d)))
}

// RetryNow forgets all waiting times, because the network has changed.
func (o *Overlay) RetryNow(now time.Time) {
	for _, p := range o.ring {
		p.failed, p.next, p.full = 0, now, time.Time{}
	}
	o.stale = true
}
