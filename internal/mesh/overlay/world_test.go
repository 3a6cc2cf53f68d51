package overlay_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/tandemdb/tandem/internal/mesh/overlay"
)

// step is the time between two moments of a world; messages and connections take one.
const step = 250 * time.Millisecond

// world is a simulated network of peers.
type world struct {
	random *rand.Rand
	now    time.Time
	all    []*node
	byID   map[overlay.ID]*node
	later  map[time.Time][]func()

	canDial func(from, to *node) bool // nil means always
	passes  func(a, b *node) bool     // nil means always: packets of a connection

	maxPeers int           // that each one knows; 0 for the default
	silence  time.Duration // until an attempt at a wrong address fails
	ignored  *node         // is left out of ways; nil for none

	dials, messages, records int
}

type node struct {
	id     overlay.ID
	name   int
	o      *overlay.Overlay
	conns  map[overlay.ID]*conn
	alive  bool
	since  time.Time
	lives  uint64
	source *rand.Rand
}

type conn struct{ from, to *node }

func newWorld(seed uint64, size int) *world {
	w := &world{
		random: rand.New(rand.NewPCG(seed, 1)), now: time.Unix(1000, 0),
		byID: map[overlay.ID]*node{}, later: map[time.Time][]func(){},
	}
	for i := range size {
		n := &node{name: i, source: rand.New(rand.NewPCG(seed, uint64(i)+10))}
		for j := range n.id {
			n.id[j] = byte(w.random.Uint32())
		}
		w.all = append(w.all, n)
		w.byID[n.id] = n
	}
	return w
}

func (n *node) address() string { return fmt.Sprintf("peer%d:4984", n.name) }

// start begins a life of a peer that knows the addresses of others.
func (w *world) start(n *node, knows ...*node) {
	n.lives++
	n.alive, n.since = true, w.now
	n.conns = map[overlay.ID]*conn{}
	n.o = overlay.New(overlay.Config{Self: n.id, Name: "n", Version: n.lives % 2, Rand: n.source, MaxPeers: w.maxPeers}) // so that versions go back, too
	n.o.SetAddresses([]string{n.address()})
	for _, other := range knows {
		n.o.Seen(w.now, other.id, []string{other.address()})
		n.o.Gone(other.id)
	}
}

// kill ends a peer in silence: the others notice after a while.
func (w *world) kill(n *node) {
	n.alive = false
	for _, c := range n.conns {
		w.at(time.Duration(3000+w.random.IntN(3000))*time.Millisecond, func() { w.close(c) })
	}
}

func (w *world) at(delay time.Duration, do func()) {
	when := w.now.Add(max(step, delay.Truncate(step)))
	w.later[when] = append(w.later[when], do)
}

// run lets time pass. each, unless nil, is called after every step.
func (w *world) run(d time.Duration, each func()) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(step)
		due := w.later[w.now]
		delete(w.later, w.now)
		for _, do := range due {
			do()
		}
		for _, n := range w.all {
			if n.alive {
				w.act(n)
			}
		}
		if each != nil {
			each()
		}
	}
}

func (w *world) act(n *node) {
	o := n.o
	for _, a := range o.Tick(w.now) {
		switch a.Kind {
		case overlay.Dial:
			w.dials++
			w.at(step, func() { w.dial(n, o, a) })
		case overlay.Say:
			w.messages++
			w.records += len(a.Message.Records)
			c := n.conns[a.Peer]
			w.at(step, func() { w.hear(n, c, a) })
		case overlay.Drop:
			c := n.conns[a.Peer]
			w.at(2*step, func() { w.close(c) })
		}
	}
}

func (w *world) dial(n *node, o *overlay.Overlay, a overlay.Action) {
	to := w.byID[a.Peer]
	if n.o != o || !n.alive {
		return
	}
	if to == nil || !to.alive || !w.open(n, to) || !slices.Contains(a.Addresses, to.address()) {
		w.at(w.silence, func() { o.Failed(w.now, a.Peer, "no answer") })
		return
	}
	c := &conn{n, to}
	w.up(c, to, to.o.Up(w.now, n.id, false))
	w.up(c, n, o.Up(w.now, to.id, true))
}

func (w *world) open(from, to *node) bool {
	return (w.canDial == nil || w.canDial(from, to)) && (w.passes == nil || w.passes(from, to))
}

// up lets one end of a connection do as its overlay has said.
func (w *world) up(c *conn, end *node, v overlay.Verdict) {
	other := c.other(end)
	if v == overlay.Refuse {
		w.at(step, func() { w.close(c) })
		return
	}
	if old := end.conns[other.id]; old != nil {
		if peer := other.conns[end.id]; peer == old {
			delete(other.conns, end.id)
			other.o.Down(w.now, end.id, "")
		}
	}
	end.conns[other.id] = c
}

func (c *conn) other(n *node) *node {
	if c.from == n {
		return c.to
	}
	return c.from
}

func (w *world) hear(from *node, c *conn, a overlay.Action) {
	to := w.byID[a.Peer]
	if c == nil || !to.alive || to.conns[from.id] != c || w.passes != nil && !w.passes(from, to) {
		return
	}
	to.o.Hear(w.now, from.id, a.Message)
	if a.Message.Full {
		w.at(step, func() { w.close(c) })
	}
}

func (w *world) close(c *conn) {
	if c == nil {
		return
	}
	for _, end := range []*node{c.from, c.to} {
		if other := c.other(end); end.conns[other.id] == c {
			delete(end.conns, other.id)
			if end.alive {
				end.o.Down(w.now, other.id, "")
			}
		}
	}
}

// cut closes the connections that do not pass any more.
func (w *world) cut() {
	for _, n := range w.all {
		for _, c := range n.conns {
			if !w.passes(c.from, c.to) {
				w.at(time.Duration(3000+w.random.IntN(3000))*time.Millisecond, func() {
					if !w.passes(c.from, c.to) {
						w.close(c)
					}
				})
			}
		}
	}
}

// alive lists the peers that have lived for a time.
func (w *world) alive(d time.Duration) (list []*node) {
	for _, n := range w.all {
		if n.alive && w.now.Sub(n.since) >= d {
			list = append(list, n)
		}
	}
	return list
}

// reach returns how many of the peers one reaches over links, and the longest way.
func (w *world) reach(from *node) (met map[*node]int) {
	met = map[*node]int{from: 0}
	queue := []*node{from}
	for len(queue) > 0 {
		n := queue[0]
		queue = queue[1:]
		for _, c := range n.conns {
			if other := c.other(n); other.alive && other != w.ignored {
				if _, ok := met[other]; !ok {
					met[other] = met[n] + 1
					queue = append(queue, other)
				}
			}
		}
	}
	return met
}

// connected reports whether all peers of a list reach each other.
func (w *world) connected(list []*node) bool {
	if len(list) == 0 {
		return true
	}
	met := w.reach(list[0])
	return !slices.ContainsFunc(list, func(n *node) bool { _, ok := met[n]; return !ok })
}

// longest returns the longest way between two peers.
func (w *world) longest(list []*node) (most int) {
	for _, n := range list {
		for _, hops := range w.reach(n) {
			most = max(most, hops)
		}
	}
	return most
}

// edges lists the links among living peers other than one.
func (w *world) edges(but *node) map[[2]int]bool {
	found := map[[2]int]bool{}
	for _, n := range w.all {
		for _, c := range n.conns {
			other := c.other(n)
			if n.alive && other.alive && n != but && other != but && n.name < other.name {
				found[[2]int{n.name, other.name}] = true
			}
		}
	}
	return found
}

func (w *world) degrees(list []*node) (most int, mean float64) {
	sum := 0
	for _, n := range list {
		links := n.o.Links()
		most = max(most, links)
		sum += links
	}
	return most, float64(sum) / float64(max(len(list), 1))
}
