package overlay

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
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
	lookEvery    = time.Second            // the choice is made anew at least so often,
	lookSoon     = 400 * time.Millisecond // and after events at most so often
	defaultLinks = 8
	defaultPeers = 4096
)

// Overlay is the state of one peer.
type Overlay struct {
	cfg   Config
	own   *Record
	point uint64 // on the ring
	peers map[ID]*peer
	links map[ID]*link

	slots   [choices]ID // the chosen peers beside the successor; zero for none
	wanted  []ID        // these, and the successor
	stale   bool        // links or records have changed since
	changed bool        // the own record is out of date
	looked  time.Time
	calls   []Call // to pass on with the next Tick
}

// peer is what is known of another peer.
type peer struct {
	id     ID
	record *Record  // nil until one was heard
	hints  []string // addresses where it was seen
	at     []string // these, and those of the record
	point  uint64
	weight [choices]uint64

	online  bool // reachable over links of records
	was     bool // online, the last time
	via     ID   // the neighbour on the way there
	nearby  bool // discovered, and not gone since
	dialing bool
	failed  int       // attempts in a row
	next    time.Time // not to be dialled before
	full    time.Time // passed over until then
	asked   time.Time // when it was last asked to dial
	calls   time.Time // it asks to be dialled until then
	met     time.Time // when the last link began or ended
	why     string    // the last failure, for people
}

type link struct {
	dialled bool // by us
	since   time.Time
	failed  int       // attempts before it
	heard   bool      // the other end has said something
	wanted  bool      // by the other end
	told    int       // 0 nothing, 1 unwanted, 2 wanted
	idle    time.Time // since when neither end wants it; zero if one does
	owed    map[ID]struct{}
}

// New returns the state of a peer that knows nobody.
func New(cfg Config) *Overlay {
	cfg.MaxLinks = cmp.Or(cfg.MaxLinks, defaultLinks)
	cfg.MaxPeers = cmp.Or(cfg.MaxPeers, defaultPeers)
	return &Overlay{
		cfg: cfg, own: &Record{ID: cfg.Self, Version: cfg.Version, Name: CleanName(cfg.Name)},
		point: ringPoint(cfg.Self), peers: make(map[ID]*peer), links: make(map[ID]*link), changed: true,
	}
}

func ringPoint(id ID) uint64 { return hash64("ring", id, ID{}) }

func hash64(purpose string, a, b ID) uint64 {
	text := make([]byte, 0, len(purpose)+2*len(a))
	text = append(append(append(text, purpose...), a[:]...), b[:]...)
	sum := sha256.Sum256(text)
	return binary.BigEndian.Uint64(sum[:])
}

// peer returns what is known of a peer, nil if there is no room for one more.
func (o *Overlay) peer(id ID) *peer {
	p := o.peers[id]
	if p != nil || id == o.cfg.Self {
		return p
	}
	if len(o.peers) >= o.cfg.MaxPeers && !o.forgetOne() {
		return nil
	}
	p = &peer{id: id, point: ringPoint(id)}
	for k := range p.weight {
		p.weight[k] = hash64("link"+string(rune('0'+k)), o.cfg.Self, id)
	}
	o.peers[id] = p
	return p
}

// forgetOne makes room: the peer goes that was offline for longest, or was never met.
func (o *Overlay) forgetOne() bool {
	var last *peer
	for _, p := range o.peers {
		idle := o.links[p.id] == nil && !p.online && !p.nearby && !p.dialing
		if idle && (last == nil || p.met.Before(last.met)) {
			last = p
		}
	}
	if last != nil {
		delete(o.peers, last.id)
	}
	return last != nil
}

// SetAddresses says where others can reach this peer, best first.
func (o *Overlay) SetAddresses(addresses []string) {
	addresses = cleanAddresses(addresses)
	if !slices.Equal(addresses, o.own.Addresses) {
		own := *o.own
		own.Addresses = addresses
		o.own, o.changed = &own, true
	}
}

// Seen says that a peer was discovered at addresses, which come first from now on. The peer counts
// as reachable until [Overlay.Gone].
func (o *Overlay) Seen(now time.Time, id ID, addresses []string) {
	p := o.peer(id)
	if p == nil {
		return
	}
	if fresh := cleanAddresses(append(slices.Clone(addresses), p.hints...)); !slices.Equal(fresh, p.hints) {
		p.hints, p.failed, p.next = fresh, 0, now
		p.renewAddresses()
	}
	p.nearby, o.stale = true, true
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
// have dialled at once, both ends keep the one that the peer with the smaller ID has dialled.
func (o *Overlay) Up(now time.Time, id ID, dialled bool) Verdict {
	p := o.peer(id)
	if p == nil {
		return Refuse
	}
	verdict := Keep
	if old := o.links[id]; old != nil {
		ours := slices.Compare(o.cfg.Self[:], id[:]) < 0
		if old.dialled != dialled && old.dialled == ours {
			return Refuse
		}
		verdict = Replace
	}
	failed := p.failed
	p.dialing, p.failed, p.why, p.met = false, 0, "", now
	p.calls, p.full = time.Time{}, time.Time{}
	l := &link{dialled: dialled, since: now, failed: failed, owed: make(map[ID]struct{}, len(o.peers))}
	for id, other := range o.peers {
		if other.record != nil {
			l.owed[id] = struct{}{}
		}
	}
	o.links[id] = l
	o.stale, o.changed = true, true
	return verdict
}

// Down says that the link with a peer has ended, and why, for people; "" if in order. Refused
// connections are not links. A link that was short counts as a failure to connect.
func (o *Overlay) Down(now time.Time, id ID, why string) {
	l := o.links[id]
	if l == nil {
		return
	}
	delete(o.links, id)
	p := o.peers[id]
	p.met, p.next, p.why = now, now.Add(o.jitter(time.Second)), why
	if why != "" && now.Sub(l.since) < shortLife {
		p.failed = l.failed + 1
		p.next = now.Add(o.jitter(BackOff(p.failed)))
	}
	o.stale, o.changed = true, true
}

// Failed says that no address of a peer has led to it. why is for people.
func (o *Overlay) Failed(now time.Time, id ID, why string) {
	p := o.peers[id]
	if p == nil {
		return
	}
	p.dialing, p.why = false, why
	if o.links[id] != nil {
		return
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
	for _, p := range o.peers {
		p.failed, p.next, p.full = 0, now, time.Time{}
	}
	o.stale = true
}
