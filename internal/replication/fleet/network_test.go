package fleet_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/store"
)

const documents = 5

// network is peers, the apps first, and links between them. One goroutine drives its events.
type network struct {
	t      *testing.T
	shape  shape
	seed   uint64
	random *rand.Rand
	began  time.Time
	dir    string
	peers  []*peer
	apps   int
	links  []*link
	merges bool // conflicts are resolved by a resolver that merges
	bare   bool // deletions have no body, so that the judge cannot tell them apart

	edits  int
	judges map[string]*judge // by document
	agreed map[string]int    // by document that was edited when all peers agreed: the edit
	wrong  []string
}

func newNetwork(t *testing.T, s shape, seed uint64, dir string) *network {
	n := &network{
		t: t, shape: s, seed: seed, random: rand.New(rand.NewPCG(seed, 19)), began: time.Now(), dir: dir, //nolint:gosec // reproducible on purpose
		judges: make(map[string]*judge), agreed: make(map[string]int),
	}
	n.merges, n.bare = n.random.IntN(4) == 0, n.random.IntN(4) == 0 && !s.serial
	for i := range 1 + n.random.IntN(2) {
		n.addPeer(fmt.Sprintf("trees%d", i), store.RevTrees)
	}
	for i := range 1 + n.random.IntN(2) {
		n.addPeer(fmt.Sprintf("vectors%d", i), store.VersionVectors)
	}
	n.apps = len(n.peers)
	for i := range max(1+n.random.IntN(s.bridges), min(s.bridges, 2)) {
		n.addPeer(fmt.Sprintf("both%d", i), store.Both)
	}
	n.connect()
	n.note("merges %t, bare %t", n.merges, n.bare)
	return n
}

func (n *network) connect() {
	bridges := len(n.peers) - n.apps
	for i := range n.apps {
		first := n.random.IntN(bridges)
		n.join(i, n.apps+first)
		for k := 1; k < bridges && n.shape.roams; k++ {
			if n.random.IntN(2) == 0 || !n.shape.linked && i == 0 { // the first app connects islands
				n.join(i, n.apps+(first+k)%bridges)
			}
		}
	}
	for b := n.apps + 1; b < len(n.peers) && n.shape.linked; b++ {
		n.join(b, n.apps+n.random.IntN(b-n.apps))
		if n.random.IntN(3) == 0 {
			n.join(n.apps, b)
		}
	}
}

func (n *network) join(a, b int) {
	if n.shape.dials && a < n.apps {
		a, b = b, a
	}
	for _, l := range n.links {
		if l.active == n.peers[a] && l.passive == n.peers[b] {
			return
		}
	}
	n.links = append(n.links, &link{n: n, active: n.peers[a], passive: n.peers[b]})
	n.note("link from %s to %s", n.peers[a].name, n.peers[b].name)
}

// note logs an event, if a single seed is played.
func (n *network) note(format string, args ...any) {
	if *fleetSeed != 0 {
		n.t.Logf(format, args...)
	}
}

func (n *network) close() {
	for _, p := range n.peers {
		p.must(p.db.Close())
		p.disk.Close()
	}
}

// live has peers edit, sync, lose connections and restart.
func (n *network) live() {
	number := 25 + n.random.IntN(30)
	upgradeAt := -1
	if n.shape.upgrade {
		upgradeAt = n.random.IntN(number)
	}
	for i := range number {
		time.Sleep(time.Duration(n.random.IntN(20_000)) * time.Millisecond)
		if i == upgradeAt {
			n.upgrade()
		}
		switch k := n.random.IntN(20); {
		case k < 9:
			n.editSome(n.peers[n.random.IntN(len(n.peers))])
		case k < 10:
			p := n.peers[n.random.IntN(len(n.peers))]
			n.note("restart of %s", p.name)
			p.restart()
		case k < 13 && !n.shape.serial:
			n.syncAtOnce()
		default:
			n.links[n.random.IntN(len(n.links))].sync(n.anyCut())
		}
	}
}

// anyCut returns after how many frames of the active side a connection breaks; mostly 0, for never.
func (n *network) anyCut() int64 {
	if n.random.IntN(3) > 0 {
		return 0
	}
	return 1 + n.random.Int64N(30)
}

// syncAtOnce syncs over several links at once, while somebody edits.
func (n *network) syncAtOnce() {
	var all sync.WaitGroup
	defer all.Wait()
	for _, l := range n.links {
		if n.random.IntN(2) == 0 {
			cut := n.anyCut()
			all.Go(func() { l.sync(cut) })
		}
	}
	n.editSome(n.peers[n.random.IntN(len(n.peers))])
}

// upgrade has some apps of the third generation become ones of the fourth, with their databases.
func (n *network) upgrade() {
	for _, p := range n.peers[:n.apps] {
		if p.db.Versioning() == store.RevTrees && n.random.IntN(2) == 0 {
			n.note("upgrade of %s", p.name)
			p.must(p.db.UpgradeVersioning(n.t.Context()))
		}
	}
}

// editSome has p edit a document, delete it or create it anew. In a serial shape, which has no conflicts, a peer
// with the newest content of the document does so instead of p. If no peer has that content, an edit is lost: the
// network complains, and nobody edits.
func (n *network) editSome(p *peer) {
	id := fmt.Sprintf("doc%d", n.random.IntN(documents))
	if n.shape.serial {
		if p = n.newest(id); p == nil {
			return
		}
	}
	n.edit(p, id)
}

// edit may run beside sessions: it edits the head that it has read, or begins again.
func (n *network) edit(p *peer, id string) {
	n.edits++
	kind, blob := n.random.IntN(8), fmt.Sprintf("content %d", n.random.IntN(8))
	for saved := false; !saved; {
		before := p.documents()[id]
		next := content{Edits: []int{n.edits}, Knows: union(before.Knows, []int{n.edits})}
		e := store.Edit{ID: id, Body: next.body(), FailOnConflict: true, Parent: before.rev.ID}
		switch {
		case kind == 0 && before.rev.ID != "" && !before.deleted:
			if e.Deleted = true; n.bare {
				e.Body = nil
			}
		case kind < 3:
			e.Body = next.body(fmt.Sprintf(`,"blob":%s`, p.blob(blob)))
		case kind < 6:
			e.Body = next.body(fmt.Sprintf(`,"text":%q`, strings.Repeat("long ", 60)))
		}
		if saved = p.save(e); saved {
			n.judge(id).made(n.edits, e.Deleted && n.bare)
		}
	}
	n.note("edit of %s at %s: %s", id, p.name, p.documents()[id])
	delete(n.agreed, id)
}

// newest returns a peer with the newest content of a document, or nil.
func (n *network) newest(id string) *peer {
	if n.judge(id).last == 0 {
		return n.peers[n.random.IntN(len(n.peers))]
	}
	first := n.random.IntN(len(n.peers))
	for i := range n.peers {
		p := n.peers[(first+i)%len(n.peers)]
		if n.judge(id).isLast(p.documents()[id]) {
			return p
		}
	}
	n.complain("%s: edit %d is gone before the next one", id, n.judge(id).last)
	return nil
}

// editEachOnce edits each document on one peer. As all peers agree on it, that is no conflict, and the edit wins.
// A peer that was empty may lack a tombstone, and edits no document that it lacks.
func (n *network) editEachOnce() {
	for i := range documents {
		id := fmt.Sprintf("doc%d", i)
		p := n.peers[n.random.IntN(len(n.peers))]
		if _, has := p.documents()[id]; !has {
			continue
		}
		n.edit(p, id)
		n.agreed[id] = n.edits
	}
}
