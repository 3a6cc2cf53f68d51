package sim_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/store"
)

// world is a set of peers and links. One goroutine drives its events.
type world struct {
	t      *testing.T
	random *rand.Rand
	began  time.Time
	peers  []*peer
	links  []*link
	latest map[string]string // by document that only one peer edits: its last body, as long as that must win
	stats  stats             // used by the world's goroutine only
	dials  atomic.Int64      // of all links
	log    *slog.Logger      // of all links; nil disables logging
}

// stats counts events.
type stats struct{ edits, downs, breaks, restarts, cuts int }

func (s stats) String() string {
	return fmt.Sprintf("%d edits, %d links down, %d broken in mid-frame, %d restarts, %d power cuts",
		s.edits, s.downs, s.breaks, s.restarts, s.cuts)
}

func newWorld(t *testing.T, dir string, seed uint64) *world {
	w := &world{
		t: t, random: rand.New(rand.NewPCG(seed, 23)), began: time.Now(), //nolint:gosec // reproducible on purpose
		latest: make(map[string]string),
	}
	versioning := store.VersionVectors
	if seed%2 == 0 {
		versioning = store.RevTrees
	}
	for i := range 3 + w.random.IntN(2) {
		p := &peer{w: w, name: fmt.Sprintf("peer%d", i), versioning: versioning}
		p.skew = []time.Duration{0, 50 * time.Second, -time.Minute, -10 * time.Second}[w.random.IntN(4)]
		p.path = filepath.Join(dir, p.name+store.Extension)
		p.open()
		w.peers = append(w.peers, p)
		if i > 0 {
			w.addEitherWay(p, w.peers[w.random.IntN(i)])
		}
	}
	w.addEitherWay(w.peers[0], w.peers[len(w.peers)-1])
	return w
}

func (w *world) addEitherWay(a, b *peer) {
	if w.random.IntN(2) == 0 {
		a, b = b, a
	}
	w.addLink(a, b)
}

func (w *world) addLink(from, to *peer) {
	l := &link{w: w, from: from, to: to, up: true}
	w.links = append(w.links, l)
	l.start()
}

// end closes everything.
func (w *world) end() {
	for _, p := range w.peers {
		w.silence(p)
	}
	for _, p := range w.peers {
		p.close()
	}
}

// happen causes one random event.
func (w *world) happen() {
	p := w.peers[w.random.IntN(len(w.peers))]
	l := w.links[w.random.IntN(len(w.links))]
	switch n := w.random.IntN(100); {
	case n < 62:
		w.edit(p)
	case n < 80:
		w.stats.downs++
		l.set(!l.isUp())
	case n < 92:
		w.stats.breaks++
		l.breakAfter(1 + w.random.Int64N(30))
	case n < 97:
		w.stats.restarts++
		w.restart(p, p.reopen)
	default:
		w.stats.cuts++
		w.restart(p, p.cutPower)
		w.forgive(p)
	}
}

// edit changes or deletes a document, either p's own or a shared one.
func (w *world) edit(p *peer) {
	w.stats.edits++
	if w.random.IntN(3) == 0 {
		id := fmt.Sprintf("shared%d", w.random.IntN(5))
		if w.random.IntN(6) == 0 {
			p.delete(id)
			return
		}
		p.save(id, w.body(p))
		return
	}
	id := fmt.Sprintf("%s-%d", p.name, w.random.IntN(5))
	body := w.body(p)
	p.save(id, body)
	w.latest[id] = body
}

func (w *world) body(p *peer) string {
	switch w.random.IntN(4) {
	case 0:
		return fmt.Sprintf(`{"edit":%d,"blob":%s}`, w.stats.edits, p.blob(fmt.Sprintf("content %d", w.stats.edits/2)))
	case 1:
		return fmt.Sprintf(`{"edit":%d,"text":%q}`, w.stats.edits, strings.Repeat("long ", 60))
	default:
		return fmt.Sprintf(`{"edit":%d}`, w.stats.edits)
	}
}

// forgive drops the demand that p's edits survive, since nobody had promised to keep them. With
// version vectors the next edit wins again; with trees it may conflict with a lost edit.
func (w *world) forgive(p *peer) {
	for id := range w.latest {
		if strings.HasPrefix(id, p.name+"-") {
			delete(w.latest, id)
		}
	}
	p.unlucky = p.versioning == store.RevTrees
}

// editEach edits a document of each peer for the last time.
func (w *world) editEach() {
	for _, p := range w.peers {
		w.stats.edits++
		id, body := p.name+"-0", w.body(p)
		p.save(id, body)
		w.latest[id] = body
	}
}

// silence stops all replication with p.
func (w *world) silence(p *peer) {
	for _, l := range w.links {
		if l.from == p {
			l.stop()
		}
		if l.to == p {
			l.drop()
		}
	}
	p.visitors.Wait()
}

// restart restarts p, and calls meanwhile while p is down.
func (w *world) restart(p *peer, meanwhile func()) {
	p.setRunning(false)
	w.silence(p)
	meanwhile()
	p.setRunning(true)
	for _, l := range w.links {
		if l.from == p {
			l.start()
		}
	}
}

func (w *world) mend() {
	for _, l := range w.links {
		l.set(true)
	}
}

// check compares all peers and looks for the latest edits.
func (w *world) check() {
	first := w.peers[0].contents()
	for _, p := range w.peers {
		here := p.contents()
		for id := range here {
			if _, ok := first[id]; !ok && !strings.HasSuffix(here[id], tombstone) {
				w.t.Errorf("%s has %s, and peer0 has not", p.name, id)
			}
		}
		for id, want := range first {
			if got, ok := here[id]; got != want && (ok || !strings.HasSuffix(want, tombstone)) {
				w.t.Errorf("%s is %.90s on peer0 and %.90s on %s", id, want, got, p.name)
			}
		}
		for id, body := range w.latest {
			if owner, _, _ := strings.Cut(id, "-"); w.named(owner).unlucky {
				continue
			}
			if !strings.HasSuffix(here[id], " "+body) {
				w.t.Errorf("%s is %.90s on %s, and was edited last to %.60s", id, here[id], p.name, body)
			}
		}
		p.sound()
	}
}

func (w *world) named(name string) *peer {
	for _, p := range w.peers {
		if p.name == name {
			return p
		}
	}
	panic("no peer " + name)
}
