package overlay_test

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/mesh/overlay"
	"github.com/tandemdb/tandem/internal/testsize"
)

const maxLinks = 8

// TestAMeshGrowsFromOneAddress starts peers that all know one address alone.
func TestAMeshGrowsFromOneAddress(t *testing.T) {
	for _, size := range []int{2, 3, 15, 50} {
		w := newWorld(uint64(size), size)
		w.start(w.all[0])
		for _, n := range w.all[1:] {
			w.start(n, w.all[0])
		}
		whole := time.Duration(0)
		begin := w.now
		w.run(2*time.Minute, func() {
			if whole == 0 && w.connected(w.alive(0)) && w.allKnow(size) {
				whole = w.now.Sub(begin)
			}
		})
		most, mean := w.degrees(w.alive(0))
		t.Logf("%d peers: whole after %v; links most %d, mean %.1f; longest way %d; %d dials, %d messages, %d records",
			size, whole, most, mean, w.longest(w.alive(0)), w.dials, w.messages, w.records)
		testsize.Figure(t, fmt.Sprintf("simulated, %d peers that know one address: whole", size), whole, 15*time.Second)
		if whole == 0 || whole > 15*time.Second {
			t.Errorf("%d peers are whole after %v, want at most 15s", size, whole)
		}
		if most > maxLinks {
			t.Errorf("a peer has %d links, want at most %d", most, maxLinks)
		}
		before := w.messages
		w.run(time.Minute, nil)
		if w.messages > before {
			t.Errorf("a mesh at rest sends %d messages in a minute, want none", w.messages-before)
		}
	}
}

// allKnow reports whether each peer sees all others online.
func (w *world) allKnow(size int) bool {
	for _, n := range w.all {
		online := 1
		for _, p := range n.o.Peers() {
			if p.Online {
				online++
			}
		}
		if online != size {
			return false
		}
	}
	return true
}

var peers = flag.Int("overlay.peers", 0, "peers of the large mesh; 0 means as many as the sample of tests has")

// TestALargeMeshStaysWhole lets a tenth of the peers leave, in silence, and others come, each minute.
func TestALargeMeshStaysWhole(t *testing.T) {
	size, minutes := testsize.Pick(32, 100), testsize.Pick(2, 3)
	if *peers > 0 {
		size = *peers
	}
	w := newWorld(7, size)
	w.start(w.all[0])
	for i, n := range w.all[1:] {
		w.start(n, w.all[w.random.IntN(i+1)])
		if i%20 == 0 {
			w.run(step, nil)
		}
	}
	w.run(2*time.Minute, nil)
	list := w.alive(0)
	most, mean := w.degrees(list)
	longest := w.longest(list)
	t.Logf("%d peers at rest: links most %d, mean %.1f, longest way %d", size, most, mean, longest)
	if !w.connected(list) || most > maxLinks || longest > 8 {
		t.Errorf("connected %t, %d links, way of %d; want true, at most %d and 8", w.connected(list), most, longest, maxLinks)
	}
	testsize.Figure(t, fmt.Sprintf("simulated, %d peers at rest: links of one, at most", size), most, maxLinks)
	testsize.Figure(t, "… the longest way", longest, 8)
	var gone []*node
	parted, samples, over := 0, 0, 0
	every := time.Minute / time.Duration(size/10)
	left := every
	w.run(time.Duration(minutes)*time.Minute, func() {
		for left -= step; left <= 0; left += every {
			if n := w.all[w.random.IntN(size)]; n.alive {
				w.kill(n)
				gone = append(gone, n)
			}
			if len(gone) > size/20 {
				i := w.random.IntN(len(gone))
				n := gone[i]
				gone = append(gone[:i], gone[i+1:]...)
				living := w.alive(10 * time.Second)
				w.start(n, living[w.random.IntN(len(living))], living[w.random.IntN(len(living))])
			}
		}
		if w.now.UnixNano()%int64(time.Second) != 0 {
			return
		}
		settled := w.alive(15 * time.Second)
		samples++
		if !w.connected(settled) {
			parted++
		}
		if most, _ := w.degrees(settled); most > maxLinks {
			over++
		}
	})
	t.Logf("churn: parted in %d of %d seconds, a peer with more than %d links in %d", parted, samples, maxLinks, over)
	testsize.Figure(t, fmt.Sprintf("… a tenth leaves each minute: seconds of %d in which the mesh is parted", samples), parted, 0)
	testsize.Figure(t, fmt.Sprintf("… seconds in which one has more than %d links", maxLinks), over, 0)
	if parted > 0 || over > samples/100 {
		t.Errorf("the mesh was parted in %d of %d seconds, want none; too many links in %d, want at most one in a hundred", parted, samples, over)
	}
	w.run(2*time.Minute, nil)
	list = w.alive(0)
	most, mean = w.degrees(list)
	longest = w.longest(list)
	t.Logf("after churn: %d peers, links most %d, mean %.1f, longest way %d", len(list), most, mean, longest)
	if !w.connected(list) || most > maxLinks || longest > 8 {
		t.Errorf("connected %t, %d links, way of %d; want true, at most %d and 8", w.connected(list), most, longest, maxLinks)
	}
}

// TestFewLinksChangeWithOnePeer counts the links among the others that change when one leaves or comes.
func TestFewLinksChangeWithOnePeer(t *testing.T) {
	size := testsize.Pick(30, 100)
	w := newWorld(3, size)
	w.start(w.all[0])
	for _, n := range w.all[1:] {
		w.start(n, w.all[0])
	}
	w.run(3*time.Minute, nil)
	changes, rounds := 0, testsize.Pick(2, 8)
	for range rounds {
		n := w.all[1+w.random.IntN(size-1)]
		before := w.edges(n)
		w.kill(n)
		w.run(2*time.Minute, nil)
		between := w.edges(n)
		w.start(n, w.all[0])
		w.run(2*time.Minute, nil)
		changes += differences(before, between) + differences(between, w.edges(n))
	}
	mean := float64(changes) / float64(2*rounds)
	t.Logf("links among the others that one coming or going changes: %.1f", mean)
	testsize.Figure(t, "simulated: links of others that one coming or going changes", mean, 5)
	if mean > 5 {
		t.Errorf("one peer changes %.1f links of others, want at most 5", mean)
	}
}

func differences(a, b map[[2]int]bool) (n int) {
	for e := range a {
		if !b[e] {
			n++
		}
	}
	for e := range b {
		if !a[e] {
			n++
		}
	}
	return n
}

// TestHalvesThatMeetAgainAreOne parts the network for ten minutes.
func TestHalvesThatMeetAgainAreOne(t *testing.T) {
	w := newWorld(5, 30)
	w.start(w.all[0])
	for _, n := range w.all[1:] {
		w.start(n, w.all[0])
	}
	w.run(time.Minute, nil)
	parted := true
	w.passes = func(a, b *node) bool { return !parted || a.name%2 == b.name%2 }
	w.cut()
	w.run(10*time.Minute, nil)
	var even, odd []*node
	for _, n := range w.all {
		if n.name%2 == 0 {
			even = append(even, n)
		} else {
			odd = append(odd, n)
		}
	}
	if !w.connected(even) || !w.connected(odd) || w.connected(w.all) {
		t.Fatalf("halves: %t and %t, all %t; want true, true, false", w.connected(even), w.connected(odd), w.connected(w.all))
	}
	parted = false
	begin := w.now
	for !w.connected(w.all) && w.now.Sub(begin) < 10*time.Minute {
		w.run(time.Second, nil)
	}
	t.Logf("one again after %v", w.now.Sub(begin))
	if !w.connected(w.all) || w.now.Sub(begin) > 2*time.Minute {
		t.Errorf("the halves are one after %v: %t", w.now.Sub(begin), w.connected(w.all))
	}
}

// TestFirewallsThatPassOneWay lets a third of the peers dial, and be dialled by nobody.
func TestFirewallsThatPassOneWay(t *testing.T) {
	w := newWorld(11, 40)
	w.canDial = func(_, to *node) bool { return to.name%3 != 1 }
	w.start(w.all[0])
	for _, n := range w.all[1:] {
		w.start(n, w.all[0])
	}
	w.run(5*time.Minute, nil)
	most, mean := w.degrees(w.all)
	t.Logf("links most %d, mean %.1f, longest way %d", most, mean, w.longest(w.all))
	if !w.connected(w.all) || most > maxLinks {
		t.Errorf("connected %t with %d links, want true and at most %d", w.connected(w.all), most, maxLinks)
	}
	// One that is dialled by nobody, and knows only another such one at first, has no way: but a
	// successor behind a firewall is asked to dial, so that the ring closes.
	closed := 0
	for _, n := range w.all {
		if next := w.successor(n); n.conns[next.id] != nil {
			closed++
		}
	}
	t.Logf("%d of %d have a link to their successor", closed, len(w.all))
	if closed < len(w.all)*2/3 {
		t.Errorf("%d of %d have a link to their successor", closed, len(w.all))
	}
}

func (w *world) successor(n *node) (next *node) {
	for _, other := range w.all {
		if other != n && (next == nil || overlay.Distance(n.id, other.id) < overlay.Distance(n.id, next.id)) {
			next = other
		}
	}
	return next
}
