package revision

import "slices"

// Order is the relation of one revision to another.
type Order int

// The orders. Two revisions are in conflict if neither descends from the other.
const (
	Conflict Order = iota
	Same
	Newer
	Older
)

// String names the order.
func (o Order) String() string {
	return [...]string{"conflict", "same", "newer", "older"}[o]
}

// Inverse returns the relation seen from the other revision.
func (o Order) Inverse() Order {
	switch o {
	case Newer:
		return Older
	case Older:
		return Newer
	default:
		return o
	}
}

// Compare returns the relation of a to b: Newer if a descends from b according to their histories.
// Every revision is newer than a missing one. Compare needs complete histories; for an announcement
// in a changes message use [Wanted]. Two merges of the same versions are in conflict here: see
// [SameMerge].
func Compare(a, b Rev) Order {
	switch {
	case a.ID == b.ID:
		return Same
	case b.IsZero():
		return Newer
	case a.IsZero():
		return Older
	case a.ID.IsTree() && b.ID.IsTree():
		return compareTrees(a, b)
	case a.ID.IsTree():
		return compareLegacy(a, b)
	case b.ID.IsTree():
		return compareLegacy(b, a).Inverse()
	}
	return orderOf(a.hasSeen(b.ID), b.hasSeen(a.ID))
}

// compareTrees compares tree revisions. If each has superseded the other, because two peers
// resolved a conflict in opposite ways, the later one replaces the other on every peer.
func compareTrees(a, b Rev) Order {
	aDescends, bDescends := a.replaces(b.ID), b.replaces(a.ID)
	if aDescends && bDescends {
		aDescends, bDescends = isLaterTree(a.ID, b.ID), isLaterTree(b.ID, a.ID)
	}
	return orderOf(aDescends, bDescends)
}

// isLaterTree reports whether a has a higher generation than b, or the same and a higher ID.
func isLaterTree(a, b ID) bool {
	if a.Generation() != b.Generation() {
		return a.Generation() > b.Generation()
	}
	return a > b
}

func orderOf(aDescends, bDescends bool) Order {
	switch {
	case aDescends && !bDescends:
		return Newer
	case bDescends && !aDescends:
		return Older
	}
	return Conflict
}

// compareLegacy returns the relation of a tree revision to a version. A version whose history does
// not name the tree revision is in conflict with it: the protocol does not define the case, and a
// conflict loses no content.
func compareLegacy(tree, version Rev) Order {
	if version.ID.Source() != LegacySource {
		return orderOf(false, version.Contains(tree.ID))
	}
	switch encoded := tree.ID.encodedTime(); {
	case encoded == version.ID.Time():
		return Same
	case version.Contains(tree.ID):
		return Older
	case tree.containsEncoded(version.ID.Time()):
		return Newer
	case encoded>>40 == version.ID.Time()>>40:
		return Conflict
	case encoded > version.ID.Time():
		return Newer
	}
	return Older
}

// Contains reports whether r is id or descends from it, according to r's history. A vector that has
// a later version of a source contains the source's earlier versions too. Every revision contains
// the empty ID.
func (r Rev) Contains(id ID) bool {
	switch {
	case id == "" || r.ID == id:
		return true
	case r.IsZero():
		return false
	case id.IsVersion():
		return r.hasSeen(id)
	}
	if r.replaces(id) {
		return true
	}
	return r.ID.IsVersion() && r.timeOf(LegacySource) == id.encodedTime()
}

// replaces reports whether the tree revision id is an ancestor of r or was superseded by r.
func (r Rev) replaces(id ID) bool {
	return slices.Contains(r.History.Ancestors, id) || r.hasSuperseded(id)
}

func (r Rev) hasSuperseded(id ID) bool {
	return r.ID.IsTree() && slices.Contains(r.History.Superseded, id)
}

// MayHaveBeaten reports whether id, which r contains, may have lost a conflict to r. A peer that
// has id may have resolved that conflict in the opposite way. An earlier version of r's own source
// cannot have lost: a database makes its versions one after another, without conflicts among them.
func (r Rev) MayHaveBeaten(id ID) bool {
	if r.ID.IsVersion() && id.IsVersion() {
		return r.ID.Source() != id.Source() || id.Source() == LegacySource
	}
	return r.hasSuperseded(id)
}

// hasSeen reports whether r includes the version id. Encoded tree IDs share one source, although
// they come from different branches. Their times are ordered only between two current revisions;
// elsewhere only an equal time counts.
func (r Rev) hasSeen(id ID) bool {
	source, t := id.Source(), id.Time()
	if source != LegacySource {
		return r.timeOf(source) >= t
	}
	if r.ID.Source() == LegacySource && r.ID.Time() >= t {
		return true
	}
	return r.timeOf(source) == t || r.containsEncoded(t)
}

// timeOf returns the time up to which r includes versions of source; 0 if none.
func (r Rev) timeOf(source Source) Time {
	if r.ID.Source() == source {
		return r.ID.Time()
	}
	for _, list := range [...][]ID{r.History.Merges, r.History.Previous} {
		for _, id := range list {
			if id.Source() == source {
				return id.Time()
			}
		}
	}
	return 0
}

// containsEncoded reports whether t encodes the tree ID of r or of an ancestor of r.
func (r Rev) containsEncoded(t Time) bool {
	if r.ID.IsTree() && r.ID.encodedTime() == t {
		return true
	}
	return slices.ContainsFunc(r.History.Ancestors, func(id ID) bool { return id.encodedTime() == t })
}

// SameMerge reports whether a and b are merges of the same versions. If their bodies are equal too,
// they are the same revision under two IDs, and no conflict.
func SameMerge(a, b Rev) bool {
	return len(a.History.Merges) > 0 && sameSet(a.History.Merges, b.History.Merges)
}

func sameSet(a, b []ID) bool {
	if len(a) != len(b) {
		return false
	}
	return !slices.ContainsFunc(a, func(id ID) bool { return !slices.Contains(b, id) })
}

// IsLegacy reports whether r is a tree revision, encoded or not.
func (r Rev) IsLegacy() bool { return r.ID.Encoded().Source() == LegacySource }
