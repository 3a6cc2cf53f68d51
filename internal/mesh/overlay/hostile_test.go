package overlay_test

import (
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/mesh/overlay"
	"github.com/tandemdb/tandem/internal/testsize"
)

// TestNothingThatANeighbourSaysBreaksAPeer plays random events and messages, and looks at what must hold always.
func TestNothingThatANeighbourSaysBreaksAPeer(t *testing.T) {
	testsize.Check(t, func(t *rapid.T) {
		const most = 20 // peers
		o := overlay.New(overlay.Config{Self: overlay.ID{1}, MaxPeers: most, Rand: rand.New(rand.NewPCG(1, 2))})
		now := time.Unix(1000, 0)
		id := rapid.Custom(func(t *rapid.T) overlay.ID { return overlay.ID{rapid.Byte().Draw(t, "id")} })
		record := rapid.Custom(func(t *rapid.T) *overlay.Record {
			return &overlay.Record{
				ID: id.Draw(t, "of"), Version: rapid.Uint64().Draw(t, "version"), Name: rapid.String().Draw(t, "name"),
				Addresses: rapid.SliceOfN(rapid.SampledFrom([]string{"", "a:1", "b:2", "0.0.0.0:3", "x", "[::1]:0", strings.Repeat("y", 99) + ":1"}), 0, 20).Draw(t, "at"),
				Links:     rapid.SliceOfN(id, 0, 100).Draw(t, "links"),
			}
		})
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			now = now.Add(time.Duration(rapid.IntRange(0, 40_000).Draw(t, "ms")) * time.Millisecond)
			who := id.Draw(t, "who")
			switch rapid.IntRange(0, 6).Draw(t, "event") {
			case 0:
				o.Up(now, who, rapid.Bool().Draw(t, "dialled"))
			case 1:
				o.Down(now, who, "why")
			case 2:
				o.Failed(now, who, "why")
			case 3:
				o.Seen(now, who, []string{"c:3"})
			case 4:
				o.Gone(who)
			default:
				o.Hear(now, who, &overlay.Message{
					Records: append(rapid.SliceOfN(record, 0, 80).Draw(t, "records"), nil),
					Wanted:  rapid.Bool().Draw(t, "wanted"), Full: rapid.Bool().Draw(t, "full"),
					DialMe: []overlay.Call{{To: id.Draw(t, "to"), For: id.Draw(t, "for"), Hops: rapid.Int().Draw(t, "hops")}},
				})
			}
			checkActions(t, o, o.Tick(now))
		}
		if n := len(o.Peers()); n > most {
			t.Fatalf("%d peers are known, want at most %d", n, most)
		}
	})
}

func checkActions(t *rapid.T, o *overlay.Overlay, actions []overlay.Action) {
	links, dials := map[overlay.ID]bool{}, 0
	for _, p := range o.Peers() {
		links[p.ID] = p.Linked
		if len(p.Addresses) > 16 || len(p.Name) > 64 {
			t.Fatalf("peer %+v is not bounded", p)
		}
	}
	for _, a := range actions {
		switch a.Kind {
		case overlay.Dial:
			dials++
			if a.Peer == (overlay.ID{1}) || links[a.Peer] || len(a.Addresses) == 0 {
				t.Fatalf("dials %v at %q: linked %t", a.Peer, a.Addresses, links[a.Peer])
			}
		case overlay.Say:
			if text, err := json.Marshal(a.Message); err != nil || !links[a.Peer] || len(a.Message.Records) > overlay.MaxRecords || len(text) > 128<<10 {
				t.Fatalf("says %d records to %v (linked %t): %v", len(a.Message.Records), a.Peer, links[a.Peer], err)
			}
		case overlay.Drop:
			if !links[a.Peer] {
				t.Fatalf("drops %v, which is not linked", a.Peer)
			}
		}
	}
	if dials > 4 { // as many as an overlay allows
		t.Fatalf("dials %d peers at once", dials)
	}
}

// The bounds of a siege, in simulated time.
var (
	madeUp = flag.Int("overlay.known", 300, "let a member know so many peers at most, where half as many more are made up")
	lying  = flag.Duration("overlay.lying", time.Minute, "let the liar go on for so long")
	sieges = flag.Int("overlay.sieges", 0, "try so many seeds; 0 means as many as the sample of tests has")

	firstSiege = flag.Uint64("overlay.from", 0, "the first seed")
)

// healing is how long honest peers may be parted by a liar, while others of them come and go.
const healing = time.Minute

// TestAHostileMemberDoesNotPartTheOthers has one of twenty flood the others with peers that do not exist, wrong
// addresses, versions from the future and requests to dial, while others come and go.
func TestAHostileMemberDoesNotPartTheOthers(t *testing.T) {
	seeds := testsize.Pick(1, 20)
	if *sieges > 0 {
		seeds = *sieges
	}
	var mu sync.Mutex
	longest := time.Duration(0)
	t.Cleanup(func() {
		testsize.Figure(t, fmt.Sprintf("simulated, one of 20 lies for %v, %d times: the others are parted for, at most", *lying, seeds), longest, healing)
	})
	for seed := *firstSiege; seed < *firstSiege+uint64(seeds); seed++ {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			parted := besiege(t, seed)
			mu.Lock()
			defer mu.Unlock()
			longest = max(longest, parted)
		})
	}
}

// siege is a mesh of twenty in which one lies.
type siege struct {
	*world
	liar *node
	lies *lies

	since               time.Time // when the others were one last
	longest             time.Duration
	parted, over, known int // seconds, seconds, and the most peers that one knows
}

func besiege(t *testing.T, seed uint64) (longest time.Duration) {
	const size = 20
	s := &siege{world: newWorld(seed, size)}
	s.maxPeers, s.silence = *madeUp, 10*time.Second
	s.start(s.all[0])
	for _, n := range s.all[1:] {
		s.start(n, s.all[0])
	}
	s.run(time.Minute, nil)
	s.liar = s.all[7]
	s.ignored, s.since = s.liar, s.now
	s.lies = newLies(s.world, s.liar, *madeUp*3/2)
	s.run(*lying, func() { s.lie(); s.churn(); s.look() })
	for _, n := range s.all {
		if !n.alive {
			s.start(n, s.honest(10 * time.Second)[0], s.liar)
		}
	}
	s.run(2*time.Minute, func() { s.lie(); s.look() })
	t.Logf("%d peers were made up; parted in %d seconds, %v at a stretch, more than %d links in %d; %d dials",
		len(s.lies.ids), s.parted, s.longest, maxLinks, s.over, s.dials)
	if others := s.honest(0); s.longest > healing || !s.connected(others) || len(others) != size-1 {
		t.Errorf("%d others were parted for %v, want at most %v; connected in the end: %t", len(others), s.longest, healing, s.connected(others))
	}
	if s.over > 10 || s.known > *madeUp {
		t.Errorf("one had more than %d links in %d seconds, and knew %d peers; want at most 10, and %d", maxLinks, s.over, s.known, *madeUp)
	}
	return s.longest
}

func (s *siege) honest(d time.Duration) []*node {
	return slices.DeleteFunc(s.alive(d), func(n *node) bool { return n == s.liar })
}

func (s *siege) lie() {
	if s.now.UnixNano()%int64(time.Second) == 0 {
		s.lies.tell()
	}
}

// churn ends a peer in silence, or has one come back that knows one other and the liar.
func (s *siege) churn() {
	if s.now.UnixNano()%int64(20*time.Second) != 0 {
		return
	}
	if n := s.all[s.random.IntN(len(s.all))]; n != s.liar && n.alive {
		s.kill(n)
	} else if n != s.liar {
		living := s.honest(10 * time.Second)
		s.start(n, living[s.random.IntN(len(living))], s.liar)
	}
}

// look counts the seconds in which the honest peers that were given time to settle are parted.
func (s *siege) look() {
	if s.now.UnixNano()%int64(time.Second) != 0 {
		return
	}
	settled := s.honest(15 * time.Second)
	if s.connected(settled) {
		s.since = s.now
	} else {
		s.parted++
		s.longest = max(s.longest, s.now.Sub(s.since))
	}
	if links, _ := s.degrees(settled); links > maxLinks {
		s.over++
	}
	for _, n := range settled {
		s.known = max(s.known, n.o.Known())
	}
}

// lies are what a hostile member says.
type lies struct {
	w    *world
	liar *node
	ids  []overlay.ID
}

func newLies(w *world, liar *node, n int) *lies {
	l := &lies{w: w, liar: liar}
	for i := range n {
		id := overlay.ID{0xFF}
		copy(id[1:], fmt.Sprintf("made up %d", i))
		l.ids = append(l.ids, id)
	}
	return l
}

// tell says to each neighbour as much as fits into a message.
func (l *lies) tell() {
	any := func() overlay.ID { return l.ids[l.w.random.IntN(len(l.ids))] }
	someone := func() *node { return l.w.all[l.w.random.IntN(len(l.w.all))] }
	var records []*overlay.Record
	for range overlay.MaxRecords {
		r := &overlay.Record{ID: any(), Version: l.w.random.Uint64(), Addresses: []string{someone().address(), "127.0.0.1:22", "192.168.1.1:80"}}
		for range 64 {
			r.Links = append(r.Links, any())
		}
		records = append(records, r)
	}
	for i := range 3 { // of others: at wrong addresses, with the last version, full
		records[2+i].ID, records[2+i].Addresses = someone().id, []string{"192.168.1.1:80"}
		records[2+i].Version = ^uint64(0) >> l.w.random.IntN(64)
	}
	for _, c := range l.liar.conns {
		victim := c.other(l.liar)
		m := &overlay.Message{Wanted: true, Records: slices.Clone(records)}
		m.Records[0] = &overlay.Record{ID: l.liar.id, Version: 1<<61 + uint64(l.w.messages), Links: records[1].Links}
		m.Records[1] = &overlay.Record{ID: victim.id, Version: 1 << 61, Links: records[2].Links}
		for range overlay.MaxCalls {
			m.DialMe = append(m.DialMe, overlay.Call{To: victim.id, For: any(), Hops: 12}, overlay.Call{To: any(), For: victim.id, Hops: 99})
		}
		victim.o.Hear(l.w.now, l.liar.id, m)
	}
}

// TestAPeerDoesNotDialItsOwnMachine leaves out what leads to this peer or to this machine alone.
func TestAPeerDoesNotDialItsOwnMachine(t *testing.T) {
	now := time.Unix(1000, 0)
	o := overlay.New(overlay.Config{Self: overlay.ID{1}, Rand: rand.New(rand.NewPCG(1, 2))})
	o.SetAddresses([]string{"192.0.2.1:4984"})
	o.Up(now, overlay.ID{2}, true)
	lie := &overlay.Record{ID: overlay.ID{3}, Version: 1, Addresses: []string{"127.0.0.1:22", "[::1]:22", "192.0.2.1:4984", "192.168.1.9:4984"}}
	o.Hear(now, overlay.ID{2}, &overlay.Message{Records: []*overlay.Record{lie}})
	if got := o.Peers()[1].Addresses; !slices.Equal(got, []string{"192.168.1.9:4984"}) {
		t.Errorf("the addresses of a peer are %q, want those that may lead to another machine", got)
	}
	o.SetAddresses([]string{"127.0.0.1:4984"}) // all members are on this machine
	if got := o.Peers()[1].Addresses; !slices.Contains(got, "127.0.0.1:22") || len(got) != 4 {
		t.Errorf("the addresses are %q, want all but the own one", got)
	}
}

// TestAMessageNeverExceedsWhatANeighbourTakes has a neighbour name many peers with many links each.
func TestAMessageNeverExceedsWhatANeighbourTakes(t *testing.T) {
	now := time.Unix(1000, 0)
	o := overlay.New(overlay.Config{Self: overlay.ID{1}, Rand: rand.New(rand.NewPCG(1, 2))})
	o.Up(now, overlay.ID{2}, true)
	o.Up(now, overlay.ID{3}, true)
	for i := range 50 {
		m := &overlay.Message{}
		for j := range overlay.MaxRecords {
			r := &overlay.Record{ID: overlay.ID{9, byte(i), byte(j)}, Version: 1}
			for k := range 64 {
				r.Links = append(r.Links, overlay.ID{9, byte(i), byte(k), 7})
			}
			m.Records = append(m.Records, r)
		}
		o.Hear(now, overlay.ID{2}, m)
	}
	told, most := 0, 0
	for range 40 { // ten seconds
		now = now.Add(step)
		for _, a := range o.Tick(now) {
			if a.Kind == overlay.Say && a.Peer == (overlay.ID{3}) {
				text, err := json.Marshal(a.Message)
				if err != nil {
					t.Fatal(err)
				}
				told, most = told+len(text), max(most, len(text))
			}
		}
	}
	if most > 128<<10 || told > 4<<20 || told < 1<<20 {
		t.Errorf("the other neighbour is told %d bytes, %d at once; want at most 4 MB, 128 kB", told, most)
	}
}

// TestALastVersionSilencesNobody has a liar give a neighbour's record the highest version that there is.
func TestALastVersionSilencesNobody(t *testing.T) {
	now := time.Unix(1000, 0)
	o := overlay.New(overlay.Config{Self: overlay.ID{1}, Rand: rand.New(rand.NewPCG(1, 2))})
	o.Up(now, overlay.ID{2}, true)
	for _, version := range []uint64{1 << 62, 1<<63 - 1, 1 << 63, 1<<64 - 1} {
		lies := []*overlay.Record{{ID: overlay.ID{1}, Version: version}, {ID: overlay.ID{3}, Version: version, Name: "lie"}}
		o.Hear(now, overlay.ID{2}, &overlay.Message{Records: lies})
	}
	o.Tick(now.Add(2 * time.Second))
	if v := o.Own().Version; v >= 1<<62 {
		t.Errorf("the own version is %d: nobody takes it, or the one after it", v)
	}
	o.Up(now, overlay.ID{3}, false)
	o.Hear(now, overlay.ID{3}, &overlay.Message{Records: []*overlay.Record{{ID: overlay.ID{3}, Version: 5, Name: "truth"}}})
	if got := o.Peers()[1].Name; got != "truth" {
		t.Errorf("a neighbour is known by the name %q, want what it says itself", got)
	}
}

// TestWhoInventsPeersIsSoonNotBelieved has one neighbour name inventions as its neighbours, ever new ones,
// and another one peers that exist.
func TestWhoInventsPeersIsSoonNotBelieved(t *testing.T) {
	now := time.Unix(1000, 0)
	o := overlay.New(overlay.Config{Self: overlay.ID{1}, Rand: rand.New(rand.NewPCG(1, 2))})
	liar, honest := overlay.ID{2}, overlay.ID{3}
	o.Up(now, liar, true)
	o.Up(now, honest, true)
	names := func(from overlay.ID, version uint64, others ...overlay.ID) {
		m := &overlay.Message{Records: []*overlay.Record{{ID: from, Version: version, Links: others}}}
		for _, id := range others {
			m.Records = append(m.Records, &overlay.Record{ID: id, Version: 1, Addresses: []string{"192.0.2.9:1"}})
		}
		o.Hear(now, from, m)
	}
	exist := []overlay.ID{{4}, {5}, {6}, {7}}
	names(liar, 1)
	names(honest, 1, exist...)
	inVain := 0
	for second := range uint64(180) {
		var inventions []overlay.ID
		for i := range 32 {
			inventions = append(inventions, overlay.ID{9, byte(second), byte(i)})
		}
		names(liar, second+2, inventions...)
		for range 4 {
			now = now.Add(step)
			for _, a := range o.Tick(now) {
				switch {
				case a.Kind == overlay.Dial && slices.Contains(exist, a.Peer):
					o.Up(now, a.Peer, true)
				case a.Kind == overlay.Dial:
					inVain++
					o.Failed(now, a.Peer, "no answer")
				}
			}
		}
		if second == 60 {
			inVain = 0
		}
	}
	linked := 0
	for _, p := range o.Peers() {
		if p.Linked && slices.Contains(exist, p.ID) {
			linked++
		}
	}
	if linked < 2 || inVain > 5 {
		t.Errorf("%d peers that exist are linked, %d inventions are dialled in two minutes; want at least 2, and at most 5", linked, inVain)
	}
}
