package couchbaselite

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

// TestKilledAmidSyncsOfBothGenerations has an app of each generation, and another bridge, move thousands of documents
// through a bridge at once. The bridge's process and the app's are killed meanwhile. Nothing is lost or in conflict.
func TestKilledAmidSyncsOfBothGenerations(t *testing.T) {
	for _, victim := range []string{"the bridge", "the app"} {
		eachNetwork(t, func(n *network) {
			const each = 1000
			bridge, _ := n.addBridge(command)
			second, linked := n.addBridge(library)
			folder := n.TempDir()
			n.app = startApp(n, n.version, folder)
			app, fourth := n.addThird(), n.addOurs(tandem.VersionVectors)
			check(n, n.app.do("load", args{"db": app.db, "prefix": "third ", "count": each, "json": `{"text":"some text"}`}, nil))
			for i := range each {
				fourth.put(fmt.Sprint("fourth ", i), `{"by":"fourth"}`)
				linked.put(fmt.Sprint("linked ", i), `{"by":"linked"}`)
			}
			stop := []func(){fourth.start(bridge), linked.start(bridge)}
			app.peer = bridge
			app.start("main", args{"attempts": 1})
			app.until("some have arrived", func() bool { return app.count() > each/4 })
			if victim == "the bridge" {
				bridge.cut()
			} else {
				n.app.kill()
			}
			for _, s := range stop {
				s()
			}
			if victim == "the bridge" {
				bridge.listen(n)
				_ = n.app.do("stop", args{"as": app.db + "main"}, nil) // it may have stopped by itself
			} else {
				n.app = startApp(n, n.version, folder)
				app.app = n.app
				check(n, n.app.do("open", args{"db": app.db}, nil))
			}
			n.link(app, bridge)
			n.link(fourth, bridge)
			n.link(linked, bridge)
			n.noConflict(n.rest(nil))
			if got := len(app.documents()); got != 3*each {
				n.Errorf("%s was killed: the app has %d documents, want %d", victim, got, 3*each)
			}
			n.link(app, second)
			n.link(fourth, second)
			n.noConflict(n.rest(nil))
		})
	}
}

// TestContinuousSyncsOfBothGenerations has apps of both generations, and a bridge, replicate with one listener all the
// time. Each edits documents of its own and one of all.
func TestContinuousSyncsOfBothGenerations(t *testing.T) {
	eachNetwork(t, func(n *network) {
		bridge, own := n.addBridge(library)
		_, linked := n.addBridge(library)
		apps := []*third{n.addThird(), n.addThird()}
		fourth := n.addOurs(tandem.VersionVectors)
		stop := []func(){fourth.start(bridge), linked.start(bridge)}
		for _, a := range apps {
			a.peer = bridge
			a.start("main", nil)
		}
		for round := range 30 {
			for i, d := range n.devices {
				d.put(fmt.Sprint("of ", i), fmt.Sprintf(`{"n":%d}`, round))
			}
			n.devices[round%len(n.devices)].put("of all", fmt.Sprintf(`{"n":%d}`, round))
		}
		apps[0].until("all have the last edits", func() bool {
			want := own.documents()
			last := map[string]any{"n": float64(29)}
			return len(want) == len(n.devices)+1 && !slices.ContainsFunc(n.devices, func(d device) bool {
				docs := d.documents()
				return fmt.Sprint(docs) != fmt.Sprint(want) || fmt.Sprint(docs["of 0"], docs["of 3"]) != fmt.Sprint(last, last)
			})
		})
		for _, a := range apps {
			a.stop("main")
		}
		for _, s := range stop {
			s()
		}
		for _, d := range n.devices {
			if d != device(own) {
				n.link(d, bridge)
			}
		}
		n.rest(nil)
		for i := range n.devices {
			apps[0].has(fmt.Sprint("of ", i), `{"n":29}`)
		}
	})
}

// start replicates all the time, until the function is called that it returns.
func (d *ours) start(with *peer) (stop func()) {
	d.Helper()
	r := d.replicator(with, true)
	check(d, r.Start())
	return r.Close
}

// TestRandomNetworksOfBothGenerations has devices edit, delete and sync at random, with one bridge or several. In the end
// all have the same, and each can edit all.
func TestRandomNetworksOfBothGenerations(t *testing.T) {
	for _, version := range versions(t) {
		for seed := range uint64(testsize.Pick(4, 40)) {
			t.Run(fmt.Sprint(version, " ", seed), func(t *testing.T) {
				t.Parallel()
				w := newWild(t, version, seed)
				for range 60 {
					w.step()
				}
				w.rest(nil)
				for i, d := range w.devices { // all can still edit all
					d.put(fmt.Sprint("doc", i%3), fmt.Sprintf(`{"last":%d}`, i))
					w.noConflict(w.rest(nil))
				}
			})
		}
	}
}

// wild is a network in which everything happens at random.
type wild struct {
	*network
	random *rand.Rand
	edits  int
}

func newWild(t *testing.T, version string, seed uint64) *wild {
	t.Helper()
	w := &wild{network: newNetwork(t, version), random: rand.New(rand.NewPCG(seed, 1))}
	owns := make([]*ours, 1+seed%3)
	for i := range owns {
		_, owns[i] = w.addBridge(library)
		if i > 0 && seed%2 == 0 {
			w.link(owns[i], w.bridges[i-1])
		}
	}
	for _, d := range []device{w.addThird(), w.addOurs(tandem.VersionVectors), w.addThird(), w.addOurs(tandem.VersionVectors)} {
		first := w.random.IntN(len(w.bridges))
		for i, b := range w.bridges {
			if i == first || seed%2 == 1 || w.random.IntN(3) == 0 { // bridges without links need apps that use all
				w.link(d, b)
			}
		}
	}
	return w
}

func (w *wild) step() {
	w.Helper()
	d, id := w.devices[w.random.IntN(len(w.devices))], fmt.Sprint("doc", w.random.IntN(3))
	switch w.random.IntN(8) {
	case 0, 1, 2:
		w.edits++
		d.put(id, fmt.Sprintf(`{"edit":%d}`, w.edits))
	case 3:
		if d.documents()[id] != nil {
			d.del(id)
		}
	default:
		l := w.links[w.random.IntN(len(w.links))]
		l.from.sync(l.to, args{"resolver": []string{"default", "local", "remote", "merge"}[w.random.IntN(4)]})
	}
}
