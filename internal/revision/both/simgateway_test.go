package both_test

import (
	"fmt"
	"slices"

	"github.com/tandemdb/tandem/internal/revision"
)

// gateway is a model of Sync Gateway 4: a listener that keeps a tree and a vector of the document. It names
// the revisions of a tree that it is given without one.
type gateway struct {
	w       *world
	index   int
	vec     vv
	chain   []revision.ID // of the current revision, newest first
	parents map[revision.ID]revision.ID
	d       content
	clock   revision.Time
}

func newGateway(w *world, index int) *gateway {
	return &gateway{w: w, index: index, parents: map[revision.ID]revision.ID{}}
}

func (*gateway) kind() string                               { return gateways }
func (g *gateway) has() bool                                { return len(g.chain) > 0 }
func (g *gateway) content() (content, bool)                 { return g.d, g.has() }
func (*gateway) known(int, int) revision.ID                 { return "" }
func (*gateway) setKnown(int, int, revision.ID)             { panic("a gateway listens") }
func (*gateway) want(int, int, offer) (bool, []revision.ID) { panic("a gateway listens") }
func (*gateway) descends(int, revision.Rev) bool            { panic("a gateway listens") }
func (*gateway) edit(content)                               { panic("nobody edits at a gateway") }

func (g *gateway) knows(id revision.ID) bool { _, ok := g.parents[id]; return ok }

func (g *gateway) first(ids []revision.ID) int { return slices.IndexFunc(ids, g.knows) }

func (g *gateway) isTop(ids []revision.ID) bool {
	i := g.first(ids)
	return i >= 0 && ids[i] == g.chain[0]
}

func (g *gateway) fingerprint() string {
	if !g.has() {
		return ""
	}
	return fmt.Sprint(g.vec.cv, g.chain[0], g.d.body, g.d.deleted)
}

func (g *gateway) head(mode int) offer {
	switch {
	case !g.has():
		return offer{}
	case mode == 3:
		return offer{rev: revision.Rev{ID: g.chain[0]}}
	}
	return offer{rev: revision.Rev{ID: g.vec.cv}}
}

func (g *gateway) stamp() revision.ID {
	source := sourceOf(g.index)
	g.clock = max(g.clock+1, g.w.wall(g.index), g.vec.time(source)+1)
	return revision.NewVersion(g.clock, source)
}

func (g *gateway) propose(mode, _ int, o offer, parent revision.ID) (int, revision.Rev) {
	if !g.has() {
		return revision.Accept, revision.Rev{}
	}
	current := g.head(mode).rev
	if o.rev.ID.IsTree() {
		switch {
		case g.chain[0] == o.rev.ID:
			return revision.Known, current
		case g.chain[0] == parent, parent == "" && g.d.deleted:
			return revision.Accept, current
		}
		return revision.Refuse, current
	}
	v := vvOf(o.rev)
	switch {
	case g.chain[0] == parent && v.cv == parent.Encoded():
		return revision.Known, current
	case g.chain[0] == parent, g.vec.cv == parent:
		return revision.Accept, current
	case g.vec.includes(v.cv):
		return revision.Known, current
	case v.includes(g.vec.cv):
		return revision.Accept, current
	}
	return revision.Refuse, current
}

func (g *gateway) take(mode, _ int, m message, _ bool) bool {
	if m.rev.ID.IsTree() {
		return g.takeTree(mode, m)
	}
	return g.takeVersion(m)
}

func (g *gateway) takeTree(mode int, m message) bool {
	if g.knows(m.rev.ID) {
		return true
	}
	history := m.rev.History.Ancestors
	at := g.first(history)
	if g.has() && !g.isTop(history) && !slices.Contains(m.gaveUp, g.chain[0]) {
		return false
	}
	parent := revision.ID("")
	if at >= 0 {
		parent, history = history[at], history[:at]
	}
	g.store(m.content)
	g.insert(append([]revision.ID{m.rev.ID}, history...), parent)
	if mode == 4 {
		g.vec = g.vec.next(m.rev.ID.Encoded())
	} else {
		g.vec = g.vec.next(g.stamp())
	}
	return true
}

func (g *gateway) takeVersion(m message) bool {
	v := vvOf(m.rev)
	if !g.has() && v.cv.Source() == revision.LegacySource {
		g.w.failed = true // HTTP 500
		return false
	}
	tail := m.rev.History.Ancestors
	if g.has() {
		ok := v.includes(g.vec.cv)
		switch {
		case g.vec.cv == v.cv:
			return true
		case g.vec.cv.Source() == revision.LegacySource:
			ok = len(tail) == 0 || g.isTop(tail)
		case !ok && g.vec.includes(v.cv):
			return true
		case !ok:
			ok = g.isTop(tail)
		}
		if !ok {
			return false
		}
	}
	g.store(m.content)
	g.vec = v.joined(g.vec)
	generation, parent := uint64(1), revision.ID("")
	if len(g.chain) > 0 {
		generation, parent = g.chain[0].Generation()+1, g.chain[0]
	}
	name := fmt.Sprintf("%08x%08x%016x", hash(fmt.Sprint(g.chain)), hash(m.content.body), len(g.parents))
	g.insert([]revision.ID{revision.NewTree(generation, name)}, parent)
	return true
}

func (g *gateway) store(d content) {
	if g.has() {
		g.w.replaced(g.index, g.d, d, "gateway")
	}
	d.past = d.past.or(g.d.past)
	g.d = d
}

// insert adds revisions, newest first, above parent.
func (g *gateway) insert(ids []revision.ID, parent revision.ID) {
	for _, id := range slices.Backward(ids) {
		g.parents[id] = parent
		parent = id
	}
	g.chain = nil
	for id := parent; id != ""; id = g.parents[id] {
		g.chain = append(g.chain, id)
	}
}

func (g *gateway) compose(mode, other int, known []revision.ID) message {
	m := message{rev: g.vec.rev(), content: g.d}
	if mode == 3 {
		m.rev = revision.Rev{ID: g.chain[0]}
		for _, id := range g.chain[1:] {
			if len(m.rev.History.Ancestors) >= treeDepth-1 {
				break
			}
			m.rev.History.Ancestors = append(m.rev.History.Ancestors, id)
			if slices.Contains(known, id) {
				break
			}
		}
		return m
	}
	if len(known) == 0 || slices.ContainsFunc(known, revision.ID.IsVersion) {
		return m
	}
	if b, is := g.w.peers[other].(*bridge); is { // its tree follows for those who have shown none but tree IDs
		m.tree, m.from = g.chain, b.sender(g.index)
		return m
	}
	m.rev.History.Ancestors = g.chain
	return m
}
