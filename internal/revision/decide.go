package revision

import "slices"

// Receive says what incoming is to local when a rev message arrives:
// Newer is to be stored, Same and Older are here already, Conflict is for the resolver or to be refused.
//
// local is zero if there is no document. remoteKnown is the newest revision which the sender
// is known to have, "" if none. If local is what the sender had, and incoming does not know of it,
// incoming is Newer in three cases where nothing is lost: local is a tombstone and the document was created
// anew, local is a tree revision and the sender has forgotten trees, or so many edits came after it that
// the history does not go back so far.
func Receive(local Rev, localDeleted bool, remoteKnown ID, incoming Rev) Order {
	order := Compare(incoming, local)
	if order != Conflict || !local.ID.Is(remoteKnown) {
		return order
	}
	forgotten := local.IsLegacy() && !incoming.IsLegacy()
	if forgotten || isBeyond(local, incoming) || localDeleted && !related(local, incoming) {
		return Newer
	}
	return Conflict
}

// IsUpgradeOf reports whether incoming is only another name of a revision that local descends from. A Sync
// Gateway gives each document that it has got as a tree revision a version of its own, and sends that with
// the tree ID as the first ancestor. The version has the same content: taken for an edit, it would be in conflict
// with the edit that local is, and might win. The same message from any other peer is an edit.
func IsUpgradeOf(local, incoming Rev) bool {
	if !incoming.ID.IsVersion() || len(incoming.History.Ancestors) == 0 {
		return false
	}
	twin := incoming.History.Ancestors[0]
	return local.ID != twin && local.Contains(twin) && Compare(incoming, local) == Conflict
}

// isBeyond reports whether all that is named of incoming's history is younger than the tree revision local.
func isBeyond(local, incoming Rev) bool {
	if !local.ID.IsTree() || !incoming.ID.IsTree() {
		return false
	}
	oldest := incoming.tail()[len(incoming.History.Ancestors)]
	return oldest.Generation() > local.ID.Generation()
}

// related reports whether a and b have any revision in common.
func related(a, b Rev) bool {
	return slices.ContainsFunc(a.all(), func(id ID) bool {
		return slices.ContainsFunc(b.all(), id.Is)
	})
}

func (r Rev) all() []ID {
	return slices.Concat([]ID{r.ID}, r.History.Merges, r.History.Previous, r.History.Ancestors)
}

// Wanted says what announced, an item of a changes message, is to local: Same and Older are here already, Newer is wanted. Conflict may turn out otherwise when the
// history arrives: an active peer wants it, a passive one answers 409. local is zero if
// there is no document.
func Wanted(local, announced Rev) Order {
	switch {
	case local.IsZero():
		return Newer
	case local.ID.IsTree() && announced.ID.IsVersion():
		if order := Compare(announced, local); order == Same {
			return Same
		}
		return Newer
	case !announced.ID.IsTree():
		return Compare(announced, local)
	case local.ID.Is(announced.ID):
		return Same
	case local.hasSuperseded(announced.ID) && isLaterTree(announced.ID, local.ID):
		return Newer
	case local.Contains(announced.ID):
		return Older
	case local.ID.IsTree() && local.ID.Generation() < announced.ID.Generation():
		return Newer
	}
	return Compare(announced, local)
}

// The answers to a proposed revision, as the reply to proposeChanges carries them.
const (
	Accept = 0   // send it
	Known  = 304 // it is here already, or a descendant of it
	Refuse = 409 // it conflicts with the local revision
)

// Proposal answers an item of a proposeChanges message: [Accept], [Known] or
// [Refuse]. cur is the local revision, zero if there is no document; parent is what the
// sender believes it to be, "" for none. A descendant of cur is accepted whatever the parent; so is
// the edit of a document that is not here any more, as by Sync Gateway: LiteCore refuses that, and
// as a client it takes such a refusal for the end of the matter.
func Proposal(cur Rev, curDeleted bool, proposed Rev, parent ID) int {
	order := Compare(proposed, cur)
	switch {
	case cur.IsZero():
		return Accept
	case cur.hasSuperseded(proposed.ID):
		return prefer(cur, proposed.ID, parent)
	case order == Conflict && cur.Contains(proposed.ID): // and it cur: a new revision has to settle it
		return Refuse
	case order == Same || order == Older:
		return Known
	case order == Newer || cur.ID.Is(parent) || parent == "" && curDeleted:
		return Accept
	}
	return Refuse
}

// prefer answers a proposal of what cur has superseded. One that replaces cur with it has seen cur, and
// the later one is to stay: see [Compare].
func prefer(cur Rev, proposed, parent ID) int {
	switch later, replaces := isLaterTree(proposed, cur.ID), cur.ID.Is(parent); {
	case later && replaces:
		return Accept
	case later || replaces:
		return Refuse
	}
	return Known
}

// DefaultWinner reports whether the local side of a conflict wins by the default rule:
// a deletion, then the later version. Between two tree revisions the
// higher generation and then the higher ID wins. Each peer of a pair decides for the same one,
// whichever it calls local. For that reason two deletions are compared too, and the source
// decides between versions of the same time, where Couchbase Lite keeps the remote one: in a
// mesh, two peers would each take the other's, and never agree.
func DefaultWinner(local, remote Rev, localDeleted, remoteDeleted bool) bool {
	if localDeleted != remoteDeleted {
		return localDeleted
	}
	if a, b := local.IsLegacy(), remote.IsLegacy(); a != b {
		return b // versions are of a later time than trees
	}
	if !local.ID.IsTree() || !remote.ID.IsTree() {
		a, b := local.ID.Encoded(), remote.ID.Encoded()
		if a.Time() != b.Time() {
			return a.Time() > b.Time()
		}
		return a.Source() > b.Source()
	}
	return isLaterTree(local.ID, remote.ID)
}
