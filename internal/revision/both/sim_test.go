package both_test

import (
	"flag"
	"fmt"
	"math/rand"
	"slices"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/testsize"
)

var (
	simSeeds = flag.Int("both.seeds", 0, "seeds for each shape of the simulation; 0 takes the usual number")
	simSeed  = flag.Int64("both.seed", 0, "plays this seed alone, and prints what happens")
	simShape = flag.String("both.shape", "", "plays this shape alone")
)

// shape is a kind of network.
type shape struct {
	name    string
	bridges int  // at most
	roam    bool // apps sync with several databases of both
	linked  bool // these sync with each other
	wild    bool // any links at all
	serial  bool // each edit is made on the newest content: nothing is in conflict
	upgrade bool // in a quarter of the runs an app is upgraded in place
	gateway bool // a Sync Gateway listens to one of them
	direct  bool // and to apps

	// How many runs of 20,000 may fail.
	apart, restless, losing, hiding int
}

func shapes() []shape {
	return []shape{
		{name: "one", bridges: 1},
		{name: "linked", bridges: 3, linked: true, losing: 12, hiding: 4},
		{name: "linked serial", bridges: 3, linked: true, serial: true},
		{name: "roam", bridges: 3, linked: true, roam: true, losing: 400, hiding: 250},
		{name: "roam serial", bridges: 3, linked: true, roam: true, serial: true, losing: 10},
		{name: "unlinked", bridges: 3, roam: true, losing: 1200, hiding: 800},
		{name: "unlinked serial", bridges: 3, roam: true, serial: true, losing: 40},
		{name: "anything", bridges: 3, wild: true, apart: 10, restless: 10, losing: 1300, hiding: 400},
		{name: "anything serial", bridges: 3, wild: true, serial: true, apart: 10, restless: 10, losing: 60},
		{name: "upgrade", bridges: 3, linked: true, upgrade: true, apart: 20, losing: 60, hiding: 60},
		{name: "upgrade serial", bridges: 3, linked: true, upgrade: true, serial: true, losing: 20},
		{name: "gateway", bridges: 3, linked: true, gateway: true, losing: 40, hiding: 4},
		{name: "gateway serial", bridges: 3, linked: true, gateway: true, serial: true, losing: 40},
		{name: "gateway direct serial", bridges: 3, linked: true, gateway: true, direct: true, serial: true, apart: 10, restless: 10, losing: 2400},
	}
}

// TestNetworksOfBothGenerationsComeToRest plays random networks and holds them to the rates of the design.
func TestNetworksOfBothGenerationsComeToRest(t *testing.T) {
	t.Parallel()
	seeds := testsize.Pick(100, 3000)
	if *simSeeds > 0 {
		seeds = *simSeeds
	}
	for _, s := range shapes() {
		if *simShape != "" && s.name != *simShape {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			t.Parallel()
			if *simSeed != 0 {
				t.Log(play(*simSeed, s, t.Logf))
				return
			}
			var sum sheet
			for seed := range int64(seeds) {
				if o := play(seed+1, s, func(string, ...any) {}); !o.failed {
					sum.add(seed+1, o, s.serial)
				}
			}
			t.Log(s.name + ": " + sum.String())
			allowed := func(of int) int { return of*seeds/20_000 + min(of, 1)*2 }
			for _, row := range []struct {
				what string
				bad  []int64
				most int
			}{
				{"end apart", sum.apart, s.apart},
				{"never rest", sum.restless, s.restless},
				{"lose an edit", sum.losing, s.losing},
				{"hide a conflict", sum.hiding, s.hiding},
			} {
				if len(row.bad) > allowed(row.most) && (row.what != "hide a conflict" || !s.serial) {
					t.Errorf("%s: of %d runs, %d %s, want %d at most: seeds %v", s.name, seeds, len(row.bad), row.what, allowed(row.most),
						row.bad[:min(len(row.bad), 8)])
				}
			}
		})
	}
}

// sheet sums the outcomes up.
type sheet struct {
	runs                            int
	apart, restless, losing, hiding []int64
	conflicts, needless, made       int
}

func (s *sheet) add(seed int64, o outcome, serial bool) {
	s.runs++
	for bad, list := range map[*[]int64]bool{
		&s.apart: !o.together, &s.restless: !o.rests, &s.hiding: o.hidden > 0,
		&s.losing: serial && o.missing || !serial && o.lost > 0,
	} {
		if list {
			*bad = append(*bad, seed)
		}
	}
	s.conflicts += o.conflicts
	s.needless += o.needless
	s.made += o.made
}

func (s *sheet) String() string {
	return fmt.Sprintf("%d runs: %d end apart, %d never rest, %d lose an edit, %d hide a conflict; %d conflicts, %d needless; %d revisions made",
		s.runs, len(s.apart), len(s.restless), len(s.losing), len(s.hiding), s.conflicts, s.needless, s.made)
}

type outcome struct {
	verdict
	together, rests, missing bool
	failed                   bool // nothing can be said
}

// play plays one network from its seed.
func play(seed int64, s shape, log func(string, ...any)) (o outcome) {
	w := &world{Rand: rand.New(rand.NewSource(seed)), pulled: map[[2]int]string{}, log: log}
	w.merges = w.Intn(4) == 0
	first := w.populate(s)
	w.connect(s, first)
	log("links %v, merges %v", w.links, w.merges)
	o.missing = !w.live(s, first)
	w.settles = true
	o.rests = w.settle()
	o.verdict, o.together = w.verdict, true
	o.failed = w.failed
	d, has := w.peers[0].content()
	for _, p := range w.peers {
		if other, ok := p.content(); ok != has || !other.same(d) {
			o.together = false
		}
	}
	for n := range w.n {
		o.missing = o.missing || !(edits{}).with(n).within(d.made)
	}
	return o
}

// populate makes the peers, and returns the index of the first database of both.
func (w *world) populate(s shape) (first int) {
	trees, vectors, bridges := 1+w.Intn(3), 1+w.Intn(3), 1+w.Intn(s.bridges)
	for range trees {
		w.peers = append(w.peers, newTreePeer(w, len(w.peers)))
	}
	for range vectors {
		w.peers = append(w.peers, newVectorPeer(w, len(w.peers)))
	}
	first = len(w.peers)
	for range bridges {
		w.peers = append(w.peers, newBridge(w, len(w.peers)))
	}
	if s.gateway {
		w.peers = append(w.peers, newGateway(w, len(w.peers)))
	}
	for range w.peers {
		w.skew = append(w.skew, int64(w.Intn(7)-3))
	}
	return first
}

func (w *world) modeOf(a, b int) int {
	ka, kb := w.peers[a].kind(), w.peers[b].kind()
	switch {
	case ka == treesOnly && kb == vectorsOnly, ka == vectorsOnly && kb == treesOnly:
		return 0
	case ka == treesOnly, kb == treesOnly:
		return 3
	}
	return 4
}

func (w *world) join(a, b int) {
	isBetween := func(l link) bool {
		return l.active == a && l.passive == b || l.active == b && l.passive == a
	}
	if mode := w.modeOf(a, b); a != b && mode != 0 && !slices.ContainsFunc(w.links, isBetween) {
		w.links = append(w.links, link{a, b, mode})
	}
}

func (w *world) connect(s shape, first int) {
	bridges := len(w.peers) - first
	if s.gateway {
		bridges--
		g := len(w.peers) - 1
		w.join(first+w.Intn(bridges), g)
		for range w.Intn(3) {
			if s.direct {
				w.join(w.Intn(first), g)
			}
		}
	}
	for i := range first {
		b := first + w.Intn(bridges)
		if s.wild && w.Intn(5) == 0 {
			w.join(b, i)
		} else {
			w.join(i, b)
		}
		for range w.Intn(3) {
			if s.roam {
				w.join(i, first+w.Intn(bridges))
			}
		}
	}
	for b := first + 1; b < first+bridges && s.linked; b++ {
		w.join(first+w.Intn(b-first), b)
		if w.Intn(2) == 0 {
			w.join(b, first+w.Intn(bridges))
		}
	}
	if s.wild {
		for range w.Intn(len(w.peers) + 2) {
			w.join(w.Intn(len(w.peers)), w.Intn(len(w.peers)))
		}
	}
	w.makeConnected(first)
}

// makeConnected joins every island to the first database of both.
func (w *world) makeConnected(first int) {
	for i := range w.peers {
		if !w.reaches(i)[first] {
			w.join(i, first)
		}
	}
}

func (w *world) reaches(from int) map[int]bool {
	found := map[int]bool{from: true}
	for more := true; more; {
		more = false
		for _, l := range w.links {
			if found[l.active] != found[l.passive] {
				found[l.active], found[l.passive], more = true, true, true
			}
		}
	}
	return found
}

// live has peers edit and sync. It returns false if an edit is lost before the next one.
func (w *world) live(s shape, first int) bool {
	if w.Intn(3) > 0 { // a common start
		w.editAt(w.editor())
		for range 8 {
			for _, l := range w.links {
				w.session(l, false)
			}
		}
	}
	number := 3 + w.Intn(12)
	upgradeAt := -1
	if s.upgrade && w.Intn(4) == 0 {
		upgradeAt = w.Intn(number)
	}
	for e := range number {
		w.now += int64(1 + w.Intn(20))
		at := w.editor()
		if s.serial {
			if at = w.newest(at); at < 0 {
				return false
			}
		}
		w.editAt(at)
		if e == upgradeAt {
			w.upgrade(first)
		}
		for range w.Intn(2 * len(w.links)) {
			w.now += int64(w.Intn(5))
			w.session(w.links[w.Intn(len(w.links))], w.Intn(6) == 0)
		}
	}
	return true
}

// editor returns any peer that edits: a gateway does not.
func (w *world) editor() int {
	if p := w.Intn(len(w.peers)); w.peers[p].kind() != gateways {
		return p
	}
	return 0
}

// newest returns a peer that has every edit, from at on; -1 if none has.
func (w *world) newest(at int) int {
	for i := range w.peers {
		p := (at + i) % len(w.peers)
		d, has := w.peers[p].content()
		all := has || w.n == 0
		for n := range w.n {
			all = all && edits{}.with(n).within(d.made) && w.peers[p].kind() != gateways
		}
		if all {
			return p
		}
	}
	return -1
}

func (w *world) editAt(p int) {
	d, has := w.peers[p].content()
	next := content{body: fmt.Sprintf(`{"n":%d}`, w.n), made: d.made.with(w.n), past: d.past.with(w.n)}
	next.deleted = has && !d.deleted && w.Intn(8) == 0
	w.n++
	w.peers[p].edit(next)
	w.log("edit at %d (%s): %s %v: %s", p, w.peers[p].kind(), next.body, next.deleted, w.peers[p].fingerprint())
}

// upgrade turns an app of the third generation into one of the fourth, in place.
func (w *world) upgrade(first int) {
	c, ok := w.peers[w.Intn(first)].(*treePeer)
	if !ok || c.current == "" {
		return
	}
	w.log("upgrade of %d", c.index)
	w.peers[c.index] = upgraded(c)
	old := w.links
	w.links = nil
	for _, l := range old {
		if b, is := w.peers[l.active].(*bridge); is && l.passive == c.index {
			b.remote[c.index] = b.trees[c.index]
		}
		if w.modeOf(l.active, l.passive) != 0 {
			l.mode = w.modeOf(l.active, l.passive)
			w.links = append(w.links, l)
		}
	}
	w.makeConnected(first)
}

// settle syncs over all links until nothing changes, and reports whether that comes.
func (w *world) settle() (rests bool) {
	print := func() string {
		var all []string
		for _, p := range w.peers {
			all = append(all, p.fingerprint())
		}
		return strings.Join(all, " | ")
	}
	last := print()
	for calm, round := 0, 0; round < 60; round++ {
		w.now += 5
		w.Shuffle(len(w.links), func(i, j int) { w.links[i], w.links[j] = w.links[j], w.links[i] })
		for _, l := range w.links {
			w.session(l, false)
		}
		now := print()
		w.log("round %d: %s", round, now)
		if calm++; now != last {
			calm, last = 0, now
		}
		if calm == 3 {
			return true
		}
	}
	return false
}
