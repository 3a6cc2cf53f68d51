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

	// Learn is another name of a revision that the head has seen, for [Head.Learn]; or "".
	Learn revision.ID
}

// Sender is the kind of a peer.
type Sender int

// The senders.
const (
	App     Sender = iota // a program of one generation
	OfBoth                // a database of both
	Gateway               // a Sync Gateway over the fourth protocol: its documents have both names
)

// Propose answers a proposal.
func (h Head) Propose(o Offer, from Sender) Answer {
	if o.Rev.ID.IsTree() {
		return h.proposeTree(o)
	}
	v, fromBoth := vectorOf(o.Rev), from == OfBoth
	has, seen := h.includes(v.cv), v.includes(h.cv)
	switch {
	case h.lacksCopy(v.cv):
		return Answer{Status: revision.Known, Learn: v.cv}
	case h.isVersion(v.cv):
		return Answer{Status: revision.Known, Learn: o.Tree}
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
	case h.Seen(id) && !h.isOutbid(id):
		return Answer{Status: revision.Known, Learn: h.unlisted(id)}
	}
	return Answer{}
}

// maxBumps is how often a version gets a later tree ID because a peer has an older revision under a high one.
const maxBumps = 3

// isOutbid reports whether h has got [maxBumps] later tree IDs and id is later still. The peers that have id took h into
// account and decided against it, as h did against theirs, and each side outbids the other. Then h asks for the history
// of id, and the default rules decide.
func (h Head) isOutbid(id revision.ID) bool {
	bumps := -1
	for _, list := range [...][]revision.ID{h.chain, h.superseded} {
		for _, own := range list {
			if isEmbedded(own) && VersionOf(own) == h.cv {
				bumps++
			}
		}
	}
	return bumps >= maxBumps && !h.Is(id) && later(id, h.chain[0])
}

// unlisted returns id unless h lists it.
func (h Head) unlisted(id revision.ID) revision.ID {
	if h.lists(id) {
		return ""
	}
	return id
}

// Want answers an announcement, in whose reply the status [revision.Accept] asks for the revision.
func (h Head) Want(o Offer, from Sender) Answer {
	if o.Rev.ID.IsTree() {
		if h.Seen(o.Rev.ID) && !h.isOutbid(o.Rev.ID) {
			return Answer{Status: revision.Known, Learn: h.unlisted(o.Rev.ID)}
		}
		return Answer{Known: h.below(o.Rev.ID)}
	}
	v, fromBoth := vectorOf(o.Rev), from == OfBoth
	switch {
	case h.lacksCopy(v.cv):
		return Answer{Status: revision.Known, Learn: v.cv}
	case h.includes(v.cv) && (!fromBoth || h.exactly(v.cv)):
	case from == Gateway:
		return Answer{Known: h.chain[:1:1]} // a tree ID alone makes it send its own
	default:
		return Answer{Known: []revision.ID{h.cv}}
	}
	switch {
	case h.isVersion(v.cv):
		return Answer{Status: revision.Known, Learn: o.Tree}
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
