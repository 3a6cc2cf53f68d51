package both_test

import (
	"fmt"
	"slices"

	"github.com/tandemdb/tandem/internal/revision"
)

// treePeer is a model of Couchbase Lite 3: a revision tree with its default rules.
type treePeer struct {
	w       *world
	index   int
	nodes   map[revision.ID]*node
	current revision.ID
	remotes map[int]revision.ID
}

type node struct {
	parent  revision.ID
	content *content // nil where only the ID is known
}

const treeDepth = 50

func newTreePeer(w *world, index int) *treePeer {
	return &treePeer{w: w, index: index, nodes: map[revision.ID]*node{}, remotes: map[int]revision.ID{}}
}

func (*treePeer) kind() string                             { return treesOnly }
func (c *treePeer) head(int) offer                         { return offer{rev: revision.Rev{ID: c.current}} }
func (c *treePeer) known(_, other int) revision.ID         { return c.remotes[other] }
func (c *treePeer) setKnown(_, other int, id revision.ID)  { c.remotes[other] = id }
func (c *treePeer) descends(_ int, from revision.Rev) bool { return c.isBelow(from.ID, c.current) }

func (c *treePeer) content() (content, bool) {
	if c.current == "" {
		return content{}, false
	}
	return *c.nodes[c.current].content, true
}

func (c *treePeer) fingerprint() string {
	d, _ := c.content()
	return fmt.Sprint(c.current, d.body, d.deleted)
}

// child adds a revision of our own. The same edit of the same parent has the same ID everywhere.
func (c *treePeer) child(parent revision.ID, d content) revision.ID {
	id := revision.EditTree(revision.Rev{ID: parent}, d.deleted, []byte(d.body)).ID
	if n := c.nodes[id]; n != nil && n.content != nil {
		n.content.past = n.content.past.or(d.past)
		return id
	}
	c.nodes[id] = &node{parent, &d}
	return id
}

func (c *treePeer) edit(d content) {
	c.current = c.child(c.current, d)
	c.prune()
}

// path lists id's ancestors, newest first.
func (c *treePeer) path(id revision.ID) (ids []revision.ID) {
	for n := c.nodes[id]; n != nil && n.parent != ""; n = c.nodes[n.parent] {
		ids = append(ids, n.parent)
	}
	return ids
}

func (c *treePeer) isBelow(ancestor, id revision.ID) bool {
	return ancestor != "" && (ancestor == id || slices.Contains(c.path(id), ancestor))
}

func (c *treePeer) propose(_, _ int, o offer, parent revision.ID) (int, revision.Rev) {
	switch {
	case c.current != "" && c.current == o.rev.ID:
		return revision.Known, revision.Rev{ID: c.current}
	case c.current == parent, parent == "" && c.nodes[c.current].content.deleted:
		return revision.Accept, revision.Rev{ID: c.current}
	}
	return revision.Refuse, revision.Rev{ID: c.current}
}

func (c *treePeer) compose(_, other int, known []revision.ID) message {
	m := message{rev: revision.Rev{ID: c.current}, content: *c.nodes[c.current].content}
	theirs := c.remotes[other]
	if theirs != "" && !c.isBelow(theirs, c.current) {
		m.gaveUp = []revision.ID{theirs}
	}
	for _, id := range c.path(c.current) {
		if len(m.rev.History.Ancestors) >= treeDepth-1 {
			break
		}
		m.rev.History.Ancestors = append(m.rev.History.Ancestors, id)
		if id == theirs || slices.Contains(known, id) {
			break
		}
	}
	return m
}

// insert adds a revision with its history, and returns the first ancestor that was here.
func (c *treePeer) insert(m message) (common revision.ID) {
	c.checkHistory(m.rev)
	history := m.rev.History.Ancestors
	at := slices.IndexFunc(history, func(id revision.ID) bool { return c.nodes[id] != nil })
	if at >= 0 {
		common, history = history[at], history[:at]
	}
	parent := common
	for _, id := range slices.Backward(history) {
		c.nodes[id] = &node{parent: parent}
		parent = id
	}
	d := m.content
	c.nodes[m.rev.ID] = &node{parent, &d}
	return common
}

// checkHistory refuses what LiteCore refuses: generations that are missing before the end of a long list.
func (c *treePeer) checkHistory(r revision.Rev) {
	above := r.ID.Generation()
	for i, id := range r.History.Ancestors {
		g := id.Generation()
		if g != above-1 && (g >= above || i+1 < treeDepth-1) {
			panic(fmt.Sprintf("a gap in the history of %s: %v", r.ID, r.History.Ancestors))
		}
		if c.nodes[id] != nil {
			return
		}
		above = g
	}
}

func (c *treePeer) take(_, other int, m message, passive bool) bool {
	id := m.rev.ID
	if n := c.nodes[id]; n != nil && n.content != nil {
		if !passive {
			c.remotes[other] = id
		}
		return true
	}
	if passive {
		return c.takePassive(m)
	}
	old := c.current
	common := c.insert(m)
	c.remotes[other] = id
	if old == "" || common == old || c.isBelow(old, id) {
		c.follow(old, id, "3.x active")
		return true
	}
	c.resolve(old, id)
	return true
}

func (c *treePeer) takePassive(m message) bool {
	c.checkHistory(m.rev)
	common := revision.ID("")
	for _, id := range m.rev.History.Ancestors {
		if c.nodes[id] != nil {
			common = id
			break
		}
	}
	if c.current != "" && common != c.current && !slices.Contains(m.gaveUp, c.current) {
		return false
	}
	c.insert(m)
	c.follow(c.current, m.rev.ID, "3.x passive")
	return true
}

func (c *treePeer) follow(old, id revision.ID, why string) {
	if old != "" {
		c.w.replaced(c.index, *c.nodes[old].content, *c.nodes[id].content, why)
		c.nodes[id].content.past = c.nodes[id].content.past.or(c.nodes[old].content.past)
	}
	c.current = id
	c.prune()
}

// resolve resolves a conflict: the local side's content, if it wins, becomes a child of the remote's.
func (c *treePeer) resolve(old, id revision.ID) {
	local, remote := *c.nodes[old].content, *c.nodes[id].content
	localWins := old.Generation() > id.Generation() || old.Generation() == id.Generation() && old > id
	if local.deleted && remote.deleted {
		localWins = false
	}
	outcome, who := c.w.decide(local, remote, localWins)
	c.w.resolved(c.index, local, remote, outcome)
	if who == "remote" {
		c.nodes[id].content.past = outcome.past
		c.current = id
	} else {
		c.current = c.child(id, outcome)
		c.w.made++
	}
	c.prune()
}

// prune drops what is neither an ancestor of the current revision nor a remote's.
func (c *treePeer) prune() {
	keep := map[revision.ID]bool{c.current: true}
	for i, id := range c.path(c.current) {
		keep[id] = i+1 < treeDepth
	}
	for _, id := range c.remotes {
		keep[id] = true
	}
	for id, n := range c.nodes {
		if !keep[id] {
			delete(c.nodes, id)
		} else if !keep[n.parent] {
			n.parent = ""
		}
	}
}

func (c *treePeer) want(_, other int, o offer) (bool, []revision.ID) {
	if n := c.nodes[o.rev.ID]; n != nil && (n.content != nil || c.isBelow(o.rev.ID, c.current)) {
		c.remotes[other] = o.rev.ID
		return false, nil
	}
	var known []revision.ID
	for _, id := range append([]revision.ID{c.current}, c.remotesSorted()...) {
		n := c.nodes[id]
		if n != nil && n.content != nil && id.Generation() < o.rev.ID.Generation() && !slices.Contains(known, id) {
			known = append(known, id)
		}
	}
	return true, known
}

func (c *treePeer) remotesSorted() (ids []revision.ID) {
	for _, id := range c.remotes {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return ids
}
