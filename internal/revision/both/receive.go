package both

import (
	"slices"

	"github.com/tandemdb/tandem/internal/revision"
)

// Incoming is a revision that a peer has sent.
type Incoming struct {
	Rev        revision.Rev  // a tree revision with its ancestors, or a version with its vector and legacy tail
	Tree       []revision.ID // of a version from a sender with both names: its chain, its own ID first
	Superseded []revision.ID // tree IDs that the sender has given up for the revision
	Claim      revision.ID   // the parent for which the revision was proposed; "" if it was not
	Same       bool          // content and deletion are the head's
	Passive    bool          // the sender leads: conflicts are refused
	From       Sender
}

// Outcome tells what becomes of an incoming revision.
type Outcome int

// The outcomes.
const (
	Ignored     Outcome = iota // it changes nothing
	Named                      // the head has other names or has seen more, and keeps its content
	Replaced                   // its content is the head's now
	Conflicting                // neither has seen the other
	Settled                    // likewise, but its sender cannot know: the default rules decide at once
)

// Result is what [Head.Receive] decides.
type Result struct {
	Outcome Outcome
	Head    Head // the head from now on; of a conflict, that of the incoming revision
	Renew   bool // the head needs a new version, made with [Head.Next]
}

// First returns the head of a document that was not here.
func First(in Incoming) Head {
	if in.Rev.ID.IsTree() {
		return treeHead(append([]revision.ID{in.Rev.ID}, in.Rev.History.Ancestors...), revision.History{}).supersede(in.Superseded...)
	}
	return incomingHead(in, Head{})
}

// incomingHead returns the head of an incoming revision, whose names are completed from those of h.
func incomingHead(in Incoming, h Head) Head {
	if in.Rev.ID.IsTree() {
		n := First(in)
		n.names = h.names
		return n
	}
	n := Head{vector: vectorOf(in.Rev), superseded: h.superseded, names: h.names}
	if len(in.Tree) > 0 {
		n.chain = slices.Clip(in.Tree)
		if !n.calls(in.Tree[0]) {
			n = n.named(in.Tree[0], n.cv)
			if in.From == Gateway && isGateways(in.Tree[0]) { // only those who learn the name know it
				n = n.renamed(Embed(in.Tree[0].Generation()+1, n.cv))
			}
		}
		return n.supersede(in.Superseded...)
	}
	if tail := in.Rev.History.Ancestors; len(h.chain) == 0 || len(tail) > 0 && !slices.Contains(h.chain, tail[0]) {
		n.chain = n.above(vector{}, tail)
		return n
	}
	n.chain = n.above(h.vector, h.chain)
	return n
}

// Receive decides about a revision that a peer has sent.
func (h Head) Receive(in Incoming) Result {
	if in.Rev.ID.IsTree() {
		return h.receiveTree(in)
	}
	return h.receiveVector(in)
}

func (h Head) receiveTree(in Incoming) Result {
	id := in.Rev.ID
	theirs := First(in)
	gaveUp := slices.ContainsFunc(in.Superseded, h.Is)
	if h.Seen(id) {
		follows := slices.ContainsFunc(theirs.chain[1:], h.Is)
		switch {
		case gaveUp && !h.Is(id):
			return h.flipped(theirs)
		case follows && !h.Is(id) && h.yields(theirs.vector, id):
			return Result{Replaced, h.takenBy(theirs).lifted(), false}
		}
		return h.learnt(theirs.chain)
	}
	newer := gaveUp || h.Is(in.Claim) || slices.ContainsFunc(theirs.chain, h.isBelow)
	for _, s := range in.Superseded {
		theirs.vector = theirs.seeing(VersionOf(s))
	}
	switch {
	case newer && in.Same && !isEmbedded(id):
		return h.alsoCalled(theirs)
	case newer:
		return Result{Replaced, h.followedBy(theirs), false}
	}
	return Result{Conflicting, theirs.with(h.names), false}
}

func (h Head) with(names []revision.Name) Head {
	h.names = names
	return h
}

// isBelow reports whether a revision with the ancestor id descends from h.
func (h Head) isBelow(id revision.ID) bool {
	if IsFiller(id) {
		return false
	}
	v := VersionOf(id)
	return h.Is(id) || h.isOrigin(id) || isEmbedded(id) && !h.isTree() && v.Source() == h.cv.Source() && v.Time() >= h.cv.Time()
}

// flipped takes what h has seen and overruled: the peer, which knows h, has decided otherwise.
func (h Head) flipped(theirs Head) Result {
	key := string(theirs.chain[0]) + "," + string(h.cv)
	next := h.completed(theirs.chain, h.chain)
	after := max(h.encoded(), theirs.encoded())
	return Result{Replaced, next.mint(h.chain[0].Generation(), after, key), false}
}

// takenBy returns theirs with all that h has seen.
func (h Head) takenBy(theirs Head) Head {
	next := h.completed(theirs.chain, h.chain).supersede(theirs.superseded...)
	next.vector = theirs.seeing(h.all()...)
	return next
}

// followedBy is takenBy for a descendant. It gets a later name where peers that have h under its present
// one would not take it for a descendant.
func (h Head) followedBy(theirs Head) Head {
	next := h.takenBy(theirs)
	before := h.encoded()
	if top := h.chain[0]; next.isTree() && before >= next.cv.Time() {
		return next.mint(top.Generation(), before, string(theirs.chain[0])+",over,"+revisionTime(before))
	} else if next.chain[0].Generation() <= top.Generation() {
		return next.bump(top.Generation())
	}
	return next.lifted()
}

func revisionTime(t revision.Time) string {
	return string(revision.NewVersion(t, revision.LegacySource))
}

// alsoCalled notes the name that a client has given to h's content.
func (h Head) alsoCalled(theirs Head) Result {
	id := theirs.chain[0]
	next := h.named(id, h.cv).supersede(id)
	for _, v := range theirs.all() {
		if v.Source() != revision.LegacySource {
			next.vector = next.seeing(v)
		}
	}
	if id.Generation() >= h.chain[0].Generation() {
		next = next.bump(id.Generation())
	}
	return Result{Named, next, false}
}

// Learn notes that a peer has a revision that h has seen under the name tree, a tree ID or a version that is a
// copy of one: see [Head.Copy]. It may return h. It ignores a generation more than
// [revision.MaxStep] above the head's.
func (h Head) Learn(tree revision.ID) Head {
	if h.lacksCopy(tree) {
		if h.cv == encodedOf(tree) {
			h.vector = h.vector.next(tree)
		} else {
			h.vector = h.seeing(tree)
		}
		return h
	}
	if tree.IsVersion() || !h.Seen(tree) {
		return h
	}
	return h.learnt([]revision.ID{tree}).Head
}

// learnt notes a tree revision that h has seen, and its history.
func (h Head) learnt(chain []revision.ID) Result {
	id := chain[0]
	if slices.Contains(h.chain, id) || IsFiller(id) || id.Generation() > h.top(0)+revision.MaxStep {
		return Result{Ignored, h, false}
	}
	next := h
	switch named := h.versionOf(id) != VersionOf(id); {
	case named && h.Is(id):
	case h.Is(id) && later(id, h.chain[0]):
		next = h.completed(chain, h.chain)
	default:
		next = h.supersede(id)
	}
	isOlder := !h.Is(id) || h.versionOf(id) != VersionOf(id)
	isFull := !isEmbedded(id) && h.encoded() == id.Encoded().Time() && h.chain[0].Generation() > id.Generation()
	if isOlder && !isFull && id.Generation() >= h.chain[0].Generation() {
		next = next.bump(id.Generation())
	}
	if len(next.superseded) == len(h.superseded) && next.chain[0] == h.chain[0] {
		return Result{Ignored, h, false}
	}
	return Result{Named, next, false}
}

func (h Head) receiveVector(in Incoming) Result {
	v := vectorOf(in.Rev)
	has, seen := h.includes(v.cv), v.includes(h.cv)
	apart := false
	if len(in.Tree) > 0 {
		theirs := incomingHead(in, Head{}) // our names tell nothing of what the sender has seen
		has, seen = h.exactly(v.cv), theirs.exactly(h.cv)
	} else if h.isTree() && seen && !has && v.encoded() > h.cv.Time() && generationOf(v.encoded()) == generationOf(h.cv.Time()) {
		seen, apart = false, true // of two revisions of one generation neither descends from the other
	}
	claimed := h.Is(in.Claim)
	switch {
	case h.lacksCopy(v.cv):
		return Result{Named, h.Learn(v.cv), false}
	case h.isVersion(v.cv):
		return h.sameVersion(in)
	case has && claimed && in.Passive && in.From != OfBoth:
		next := h
		next.vector = h.seeing(v.all()...)
		return Result{Replaced, next, true} // the peer has decided against h, which it knows
	case !has && !seen && len(in.Tree) > 0 && h.Seen(in.Tree[0]):
		return h.renamedVersion(in, v)
	case has && seen && len(in.Tree) > 0:
		has = !h.yields(v, in.Tree[0])
		seen = !has
	case !has && (claimed || slices.ContainsFunc(in.Tree, h.Is) || slices.ContainsFunc(in.Rev.History.Ancestors, h.Is)):
		seen = true
	}
	switch {
	case seen && !has:
		return h.replacedByVersion(in, v)
	case has && !seen:
		return Result{Ignored, h, false}
	case apart:
		return Result{Settled, incomingHead(in, h), false}
	case has && seen:
		return Result{Conflicting, incomingHead(in, h), true}
	}
	return Result{Conflicting, incomingHead(in, h), false}
}

// sameVersion takes over the tree IDs that a peer has sent with a version that is the version of h.
func (h Head) sameVersion(in Incoming) Result {
	if len(in.Tree) == 0 || !h.Is(in.Tree[0]) {
		return Result{Ignored, h, false}
	}
	return h.learnt(in.Tree)
}

// renamedVersion takes another version of a tree revision that h has seen: the later version is its name.
func (h Head) renamedVersion(in Incoming, v vector) Result {
	next := h
	if h.Is(in.Tree[0]) && (h.isTree() || v.cv.Source() != revision.LegacySource && v.cv.Time() > h.cv.Time()) {
		next.vector = h.vector.next(v.cv)
	}
	next.vector = next.seeing(v.all()...)
	return Result{Named, next.lifted(), false}
}

// replacedByVersion takes a descendant of h.
func (h Head) replacedByVersion(in Incoming, v vector) Result {
	theirs := incomingHead(in, h)
	if in.Same {
		next := h.named(h.chain[0], v.cv)
		next.vector = v.seeing(h.all()...)
		if len(in.Tree) > 0 {
			next = next.named(in.Tree[0], v.cv)
			if in.From == OfBoth && later(in.Tree[0], h.chain[0]) {
				next = next.completed(in.Tree, h.chain)
			}
		}
		return Result{Named, next.lifted(), false}
	}
	next := theirs
	if len(in.Tree) > 0 {
		next = h.completed(theirs.chain, h.chain).supersede(theirs.superseded...)
		next.names = theirs.names
	}
	next.vector = v.seeing(h.all()...)
	if in.From == Gateway && len(in.Tree) > 0 && !isGateways(in.Tree[0]) { // a client's: the version is but its stamp
		next.vector = next.seeing(VersionOf(in.Tree[0]))
	}
	if top := h.chain[0]; next.isTree() && h.encoded() > v.cv.Time() { // who knows the later one would not take it
		next = next.mint(top.Generation(), h.encoded(), string(next.chain[0])+",over,"+revisionTime(h.encoded()))
	} else if next.chain[0].Generation() <= top.Generation() && !slices.Contains(next.chain, top) {
		next = next.bump(top.Generation())
	}
	return Result{Replaced, next, false}
}
