package revision

import "slices"

// Receive returns the relation of incoming to local when a rev message arrives. Newer must be
// stored. Same and Older are stored already. Conflict goes to the resolver or is refused.
//
// local is zero if the document does not exist. remoteKnown is the newest revision that the sender
// is known to have, "" if none. If that is local, and incoming does not descend from local,
// incoming still is Newer in three cases without loss: local is a tombstone and the sender created
// the document anew; local is a tree revision and the sender has dropped tree histories; or so many
// edits followed that the sender's history no longer reaches local.
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

// IsAfterEncoded reports whether local is an encoded tree ID, and incoming has seen a later one. For Couchbase
// Lite 4, incoming then is newer. [Compare] finds a conflict instead, since the two may come from different branches.
// A client that pushes incoming sees no conflict to resolve, and would push it again after each refusal.
func IsAfterEncoded(local, incoming Rev) bool {
	return local.ID.Source() == LegacySource && incoming.ID.IsVersion() && !local.Contains(incoming.ID) &&
		incoming.timeOf(LegacySource) > local.ID.Time()
}

// IsUpgradeOf reports whether incoming is only another name of a revision that local descends from.
// A Sync Gateway gives each document that it received as a tree revision a version of its own, and
// sends that version with the tree ID as its first ancestor. The content is the same. Taken for an
// edit, the version would conflict with the edit local, and might win. From any other peer the same
// message is an edit.
func IsUpgradeOf(local, incoming Rev) bool {
	if !incoming.ID.IsVersion() || len(incoming.History.Ancestors) == 0 {
		return false
	}
	twin := incoming.History.Ancestors[0]
	return local.ID != twin && local.Contains(twin) && Compare(incoming, local) == Conflict
}

// isBeyond reports whether every revision named in incoming's history is younger than the tree
// revision local.
func isBeyond(local, incoming Rev) bool {
	if !local.ID.IsTree() || !incoming.ID.IsTree() {
		return false
	}
	oldest := incoming.tail()[len(incoming.History.Ancestors)]
	return oldest.Generation() > local.ID.Generation()
}

// related reports whether the histories of a and b share a revision.
func related(a, b Rev) bool {
	return slices.ContainsFunc(a.all(), func(id ID) bool {
		return slices.ContainsFunc(b.all(), id.Is)
	})
}

func (r Rev) all() []ID {
	return slices.Concat([]ID{r.ID}, r.History.Merges, r.History.Previous, r.History.Ancestors)
}

// Wanted returns the relation to local of announced, an item of a changes message. Same and Older
// are stored already; Newer is wanted. Conflict is provisional until the history arrives: an active
// peer requests the revision, a passive one answers 409. local is zero if the document does not
// exist.
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

// The answers to a proposed revision, as a reply to proposeChanges carries them.
const (
	Accept = 0   // send it
	Known  = 304 // the revision or a descendant of it is stored here
	Refuse = 409 // it conflicts with the local revision
)

// Proposal answers an item of a proposeChanges message with [Accept], [Known] or [Refuse]. cur is
// the local revision, zero if the document does not exist; parent is the revision that the sender
// expects here, "" for none. A descendant of cur is accepted with any parent. An edit of a document
// that does not exist here is accepted too, as by Sync Gateway: LiteCore refuses it, but as a
// client it never retries after such a refusal.
func Proposal(cur Rev, curDeleted bool, proposed Rev, parent ID) int {
	order := Compare(proposed, cur)
	switch {
	case cur.IsZero():
		return Accept
	case cur.hasSuperseded(proposed.ID):
		return prefer(cur, proposed.ID, parent)
	case order == Conflict && cur.Contains(proposed.ID): // each has seen the other: only a new revision settles it
		return Refuse
	case order == Same || order == Older:
		return Known
	case order == Newer || cur.ID.Is(parent) || parent == "" && curDeleted:
		return Accept
	}
	return Refuse
}

// prefer answers the proposal of a revision that cur has superseded. If parent is cur, the sender
// has seen cur and replaces it: the later of the two must stay, see [Compare].
func prefer(cur Rev, proposed, parent ID) int {
	switch later, replaces := isLaterTree(proposed, cur.ID), cur.ID.Is(parent); {
	case later && replaces:
		return Accept
	case later || replaces:
		return Refuse
	}
	return Known
}

// DefaultWinner reports whether the local side of a conflict wins by the default rule: a deletion
// wins, then the later version. Between two tree revisions the higher generation wins, then the
// higher ID. Both peers decide for the same revision, whichever they call local. Therefore the rule
// also orders two deletions, and orders versions of the same time by their source. Couchbase Lite
// keeps the remote version in that case: in a mesh, two peers would each take the other's, and
// never agree.
func DefaultWinner(local, remote Rev, localDeleted, remoteDeleted bool) bool {
	if localDeleted != remoteDeleted {
		return localDeleted
	}
	if a, b := local.IsLegacy(), remote.IsLegacy(); a != b {
		return b // versions are later than tree revisions
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
