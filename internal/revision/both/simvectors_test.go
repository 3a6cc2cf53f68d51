package both_test

import (
	"fmt"
	"maps"
	"slices"

	"github.com/tandemdb/tandem/internal/revision"
)

// vv is a version vector of the model; encoded tree IDs are versions of an ordinary source.
type vv struct {
	cv   revision.ID
	past map[revision.Source]revision.Time
}

func vvOf(r revision.Rev) vv {
	v := vv{cv: r.ID.Encoded(), past: map[revision.Source]revision.Time{}}
	for _, id := range slices.Concat(r.History.Merges, r.History.Previous) {
		v.past[id.Source()] = max(v.past[id.Source()], id.Time())
	}
	delete(v.past, v.cv.Source())
	return v
}

func (v vv) time(s revision.Source) revision.Time {
	if v.cv != "" && v.cv.Source() == s {
		return v.cv.Time()
	}
	return v.past[s]
}
func (v vv) includes(id revision.ID) bool { return v.time(id.Source()) >= id.Time() }

// joined returns v with all that o has seen.
func (v vv) joined(o vv) vv {
	n := vv{v.cv, maps.Clone(v.past)}
	if n.past == nil {
		n.past = map[revision.Source]revision.Time{}
	}
	for s, t := range o.past {
		n.past[s] = max(n.past[s], t)
	}
	if o.cv != "" {
		n.past[o.cv.Source()] = max(n.past[o.cv.Source()], o.cv.Time())
	}
	delete(n.past, n.cv.Source())
	return n
}

func (v vv) next(cv revision.ID) vv { return vv{cv: cv}.joined(v) }

func (v vv) rev() revision.Rev {
	r := revision.Rev{ID: v.cv}
	for _, s := range slices.Sorted(maps.Keys(v.past)) {
		r.History.Previous = append(r.History.Previous, revision.NewVersion(v.past[s], s))
	}
	return r
}

// vectorPeer is a model of Couchbase Lite 4. It may have been upgraded in place from a database of trees.
type vectorPeer struct {
	w       *world
	index   int
	has     bool
	legacy  revision.ID // the current revision, if it was not replaced since the upgrade
	vec     vv
	last    revision.ID // the tree ID from before the upgrade
	d       content
	remotes map[int]revision.ID
	clock   revision.Time
}

func newVectorPeer(w *world, index int) *vectorPeer {
	return &vectorPeer{w: w, index: index, remotes: map[int]revision.ID{}}
}

func upgraded(c *treePeer) *vectorPeer {
	n := newVectorPeer(c.w, c.index)
	if d, ok := c.content(); ok {
		n.has, n.legacy, n.d = true, c.current, d
	}
	n.remotes = maps.Clone(c.remotes)
	return n
}

func (*vectorPeer) kind() string                            { return vectorsOnly }
func (c *vectorPeer) known(_, other int) revision.ID        { return c.remotes[other] }
func (c *vectorPeer) setKnown(_, other int, id revision.ID) { c.remotes[other] = id }
func (c *vectorPeer) content() (content, bool)              { return c.d, c.has }
func (c *vectorPeer) fingerprint() string {
	return fmt.Sprint(c.legacy, c.vec.cv, c.d.body, c.d.deleted)
}

func (c *vectorPeer) head(int) offer {
	switch {
	case !c.has:
		return offer{}
	case c.legacy != "":
		return offer{rev: revision.Rev{ID: c.legacy}}
	}
	return offer{rev: c.vec.rev()}
}

func (c *vectorPeer) tick() revision.ID {
	c.clock = max(c.clock+1, c.w.wall(c.index))
	return revision.NewVersion(c.clock, sourceOf(c.index))
}

func (c *vectorPeer) see(v vv) {
	for s, t := range v.past {
		if s != revision.LegacySource {
			c.clock = max(c.clock, t)
		}
	}
	if v.cv.Source() != revision.LegacySource {
		c.clock = max(c.clock, v.cv.Time())
	}
}

func (c *vectorPeer) edit(d content) {
	if c.legacy != "" {
		c.last, c.legacy, c.vec = c.legacy, "", vv{}
	}
	c.vec = c.vec.next(c.tick())
	c.d, c.has = d, true
}

const (
	same = iota
	older
	newer
	apart
)

func order(isNewer, isOlder bool) int {
	switch {
	case isNewer && isOlder:
		return apart
	case isNewer:
		return newer
	case isOlder:
		return older
	}
	return same
}

// compareVectors returns the relation of a to b.
func compareVectors(a, b vv) int {
	if a.cv == b.cv {
		return same
	}
	if o := order(a.includes(b.cv), b.includes(a.cv)); o != same {
		return o
	}
	return apart
}

func compareTails(a, b []revision.ID) int {
	for i, x := range a {
		if j := slices.Index(b, x); j >= 0 {
			return order(i > 0, j > 0)
		}
	}
	return apart
}

// versioned is a revision with its vector, or its legacy tail, or both.
type versioned struct {
	vec  vv
	tail []revision.ID
}

func versionedOf(r revision.Rev) versioned {
	if r.ID.IsTree() {
		return versioned{tail: append([]revision.ID{r.ID}, r.History.Ancestors...)}
	}
	return versioned{vvOf(r), r.History.Ancestors}
}

func (c *vectorPeer) versioned() versioned {
	if c.legacy != "" {
		return versioned{tail: []revision.ID{c.legacy}}
	}
	v := versioned{vec: c.vec}
	if c.last != "" {
		v.tail = []revision.ID{c.last}
	}
	return v
}

// compare returns the relation of a to b. Where both have vectors, their tails must agree too.
func (a versioned) compare(b versioned) int {
	isEncodedOf := func(x, y versioned) bool {
		return x.vec.cv == "" && len(x.tail) > 0 && y.vec.cv == x.tail[0].Encoded()
	}
	if isEncodedOf(a, b) || isEncodedOf(b, a) {
		return same
	}
	part := func(hasA, hasB bool, both func() int) (order int, compared bool) {
		switch {
		case hasA && hasB:
			return both(), true
		case hasA:
			return newer, false
		case hasB:
			return older, false
		}
		return same, false
	}
	v, vBoth := part(a.vec.cv != "", b.vec.cv != "", func() int { return compareVectors(a.vec, b.vec) })
	t, tBoth := part(len(a.tail) > 0, len(b.tail) > 0, func() int { return compareTails(a.tail, b.tail) })
	if v == apart || t == apart {
		return apart
	}
	return matrix(v, vBoth, t, tBoth)
}

// matrix combines the relations of vectors and of tails, as LiteCore does.
func matrix(v int, vBoth bool, t int, tBoth bool) int {
	i, j := v, t
	if vBoth {
		i += 3
	}
	if tBoth {
		j += 3
	}
	return [6][6]int{
		{same, older, newer, same, older, newer},
		{older, older, apart, older, older, apart},
		{newer, apart, newer, newer, apart, newer},
		{same, apart, apart, same, apart, apart},
		{older, apart, apart, older, apart, apart},
		{newer, apart, apart, newer, apart, apart},
	}[i][j]
}

func (c *vectorPeer) descends(_ int, from revision.Rev) bool {
	o := c.versioned().compare(versionedOf(from))
	return o == newer || o == same
}

func (c *vectorPeer) isCurrent(id revision.ID) bool {
	return id != "" && (c.head(4).rev.ID == id || id.IsTree() && c.legacy == "" && c.vec.cv == id.Encoded())
}

func (c *vectorPeer) propose(_, _ int, o offer, parent revision.ID) (int, revision.Rev) {
	now := c.head(4).rev
	switch {
	case !c.has && parent == "":
		return revision.Accept, now
	case c.has && now.ID == o.rev.ID:
		return revision.Known, now
	case c.isCurrent(parent), parent == "" && c.d.deleted:
		return revision.Accept, now
	}
	return revision.Refuse, now
}

func (c *vectorPeer) compose(_, other int, _ []revision.ID) message {
	m := message{rev: c.head(4).rev, content: c.d}
	newest := c.legacy
	if c.legacy == "" && c.last != "" {
		m.rev.History.Ancestors, newest = []revision.ID{c.last}, c.last
	}
	if k := c.remotes[other]; k.IsTree() && k.Generation() < newest.Generation() {
		m.rev.History.Ancestors = append(m.rev.History.Ancestors, k)
	}
	return m
}

func (c *vectorPeer) set(m message) {
	c.has, c.d = true, m.content
	if m.rev.ID.IsTree() {
		c.legacy = m.rev.ID
		return
	}
	if c.legacy != "" && c.last == "" {
		c.last = c.legacy
	}
	c.vec, c.legacy = vvOf(m.rev), ""
	c.see(c.vec)
}

func (c *vectorPeer) take(_, other int, m message, passive bool) bool {
	o := newer
	if c.has {
		o = versionedOf(m.rev).compare(c.versioned())
	}
	isBehind := m.rev.ID.IsTree() && c.has && c.legacy == "" // a tree revision cannot replace a version
	switch {
	case o == newer && isBehind, o == apart && passive:
		if !passive {
			c.remotes[other] = m.rev.ID
		}
		return !passive
	case o == newer:
		if c.has {
			c.w.replaced(c.index, c.d, m.content, "4.x")
			m.content.past = m.content.past.or(c.d.past)
		}
		c.set(m)
	case o == apart:
		c.resolve(m)
	}
	if !passive {
		c.remotes[other] = m.rev.ID
	}
	return true
}

func (c *vectorPeer) want(_, other int, o offer) (bool, []revision.ID) {
	if !c.has {
		return true, nil
	}
	id, is := o.rev.ID, older // of ours to theirs
	switch {
	case c.legacy == "" && id.IsVersion():
		is = compareVectors(c.vec, vvOf(o.rev))
	case c.legacy == "" && c.vec.cv.Source() == revision.LegacySource:
		is = order(c.vec.cv.Time() > id.Encoded().Time(), c.vec.cv.Time() < id.Encoded().Time())
	case c.legacy != "" && id == c.legacy:
		is = same
	case c.legacy != "" && id.IsTree() && c.legacy.Generation() >= id.Generation():
		is = apart
	case c.legacy != "" && id.Source() == revision.LegacySource:
		is = order(c.legacy.Encoded().Time() > id.Time(), c.legacy.Encoded().Time() < id.Time())
	}
	if is == same || is == newer {
		c.remotes[other] = id
		return false, nil
	}
	return true, []revision.ID{c.head(4).rev.ID}
}

// trivial is the vector of a winner that keeps its version.
func trivial(winner, loser vv) vv {
	n := winner.joined(loser)
	if t := loser.time(winner.cv.Source()); t > winner.cv.Time() {
		n.cv = revision.NewVersion(t, winner.cv.Source())
	}
	return n
}

func (c *vectorPeer) resolve(m message) {
	c.see(vvOf(m.rev))
	rank := func(tree revision.ID, v vv) revision.Time {
		if tree != "" {
			return revision.Time(tree.Generation())
		}
		return v.cv.Time()
	}
	theirTree := revision.ID("")
	if m.rev.ID.IsTree() {
		theirTree = m.rev.ID
	}
	ours, theirs := c.vec, vvOf(m.rev)
	if c.legacy != "" {
		ours = vv{cv: c.legacy.Encoded()}
	}
	localWins := rank(c.legacy, ours) > rank(theirTree, theirs)
	if c.d.deleted && m.content.deleted {
		localWins = false
	}
	outcome, who := c.w.decide(c.d, m.content, localWins)
	c.w.resolved(c.index, c.d, m.content, outcome)
	c.conclude(who, ours, theirs, theirTree)
	c.d = outcome
}

// conclude gives the outcome of a conflict its version.
func (c *vectorPeer) conclude(who string, ours, theirs vv, theirTree revision.ID) {
	wasTree := c.legacy
	encoded := func(v vv) bool { return v.cv.Source() == revision.LegacySource }
	trees := encoded(ours) && encoded(theirs) && (wasTree != "" || theirTree != "")
	keepsTree := false
	switch {
	case who == "merge":
		c.w.made++
		joined := vv{}
		if !trees {
			joined = ours.joined(theirs)
		}
		c.vec = joined.next(c.tick())
	case who == "local" && trees && (wasTree == "" || theirTree == ""):
		c.vec = vv{cv: theirs.cv}.next(c.tick())
		c.w.made++
	case who == "local" && trees:
		c.vec = ours
	case who == "local":
		c.vec = trivial(ours, theirs)
	case wasTree == "" && theirTree != "", wasTree != "" && theirTree == "":
		c.vec = theirs
	case theirTree != "":
		c.legacy, keepsTree = theirTree, true
	default:
		c.vec = trivial(theirs, ours)
	}
	if who == "local" && theirTree != "" {
		c.last = theirTree
	}
	if !keepsTree {
		c.legacy = ""
		if wasTree != "" && c.last == "" {
			c.last = wasTree
		}
	}
}
