package both

import "github.com/tandemdb/tandem/internal/revision"

// Offer is a revision that a peer announces or proposes, perhaps without its history.
type Offer struct {
	Rev    revision.Rev
	Tree   revision.ID // of a version from a database of both generations: its tree ID; else ""
	Parent revision.ID // of a proposal: the revision that it replaces, as the sender knows; else ""
}

// Answer is the answer to an [Offer].
type Answer struct {
	Status int           // [revision.Accept], [revision.Known] or [revision.Refuse]
	Known  []revision.ID // of a wanted revision: our revisions, for its history to end at

	// Renew says that peer and head have each seen the other. Only a new version of the head's content
	// settles that.
	Renew bool

	// Learn says that the offer shows another name of a revision that the head has seen: see
	// [Head.Learn].
	Learn bool
}

// Propose answers a proposal. The sender has one of the two generations, or is a database of both.
func (h Head) Propose(o Offer, fromBoth bool) Answer {
	if o.Rev.ID.IsTree() {
		return h.proposeTree(o)
	}
	v := vectorOf(o.Rev)
	has, seen := h.includes(v.cv), v.includes(h.cv)
	switch {
	case h.isVersion(v.cv):
		return Answer{Status: revision.Known, Learn: o.Tree != ""}
	case fromBoth && !h.exactly(v.cv) && (has || seen && h.isTree()):
		return Answer{} // its tree will tell
	case has && !fromBoth && h.Is(o.Parent):
		return Answer{} // the peer has decided against our head, which it knows
	case has && seen && fromBoth:
		if h.yields(v, o.Tree) {
			return Answer{}
		}
		return Answer{Status: revision.Refuse}
	case has && seen:
		return Answer{Status: revision.Refuse, Renew: true}
	case has:
		return Answer{Status: revision.Known}
	case seen, h.Is(o.Parent):
		return Answer{}
	}
	return Answer{Status: revision.Refuse}
}

// proposeTree answers the proposal of a tree revision. Unless the head is its parent or is known to have
// seen it, only the history tells: the revision is asked for, and perhaps refused.
func (h Head) proposeTree(o Offer) Answer {
	id := o.Rev.ID
	switch {
	case h.Seen(id) && !h.Is(id) && h.Is(o.Parent):
		return Answer{} // the peer has decided against our head, which it knows
	case h.Seen(id):
		return Answer{Status: revision.Known, Learn: !h.lists(id)}
	}
	return Answer{}
}

// Want answers an announcement, in whose reply the status [revision.Accept] asks for the revision.
func (h Head) Want(o Offer, fromBoth bool) Answer {
	if o.Rev.ID.IsTree() {
		if h.Seen(o.Rev.ID) {
			return Answer{Status: revision.Known, Learn: !h.lists(o.Rev.ID)}
		}
		return Answer{Known: h.below(o.Rev.ID)}
	}
	v := vectorOf(o.Rev)
	if !h.includes(v.cv) || fromBoth && !h.exactly(v.cv) {
		return Answer{Known: []revision.ID{h.cv}}
	}
	switch {
	case h.isVersion(v.cv):
		return Answer{Status: revision.Known, Learn: o.Tree != ""}
	case !v.includes(h.cv):
		return Answer{Status: revision.Known}
	case !fromBoth:
		return Answer{Status: revision.Known, Renew: true}
	case h.yields(v, o.Tree):
		return Answer{Known: []revision.ID{h.cv}}
	}
	return Answer{Status: revision.Known}
}

// below lists tree IDs of h of lower generations than id: its history may end at one of them.
func (h Head) below(id revision.ID) (known []revision.ID) {
	for _, c := range h.chain {
		if c.Generation() < id.Generation() && !IsFiller(c) && len(known) < 10 {
			known = append(known, c)
		}
	}
	return known
}

// yields reports whether v replaces h where each claims to have seen the other.
func (h Head) yields(v vector, tree revision.ID) bool {
	return h.time(v.cv.Source()) <= v.cv.Time() && !h.wins(v, tree)
}

// wins reports whether h is later than the revision v with a tree ID.
func (h Head) wins(v vector, tree revision.ID) bool {
	ours, theirs := isEncodedOrCopy(h.cv), isEncodedOrCopy(v.cv)
	switch {
	case ours != theirs:
		return theirs
	case ours && tree != "":
		return !later(tree, h.chain[0])
	case h.cv.Time() != v.cv.Time():
		return h.cv.Time() > v.cv.Time()
	}
	return h.cv.Source() > v.cv.Source()
}
