package overlay_test

import (
	"encoding/json"
	"math/rand/v2"
	"strings"
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
			if text, err := json.Marshal(a.Message); err != nil || !links[a.Peer] || len(a.Message.Records) > overlay.MaxRecords || len(text) > 1<<20 {
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
