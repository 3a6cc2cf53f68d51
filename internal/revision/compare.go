package revision

import "slices"

// Order is what one revision is to another.
type Order int

// The orders. A conflict is between revisions neither of which descends from the other.
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

// Inverse returns what the other revision is to the one.
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

// Compare says what a is to b: Newer if it descends from b, as far as histories tell. Any revision is
// newer than none. It decides for complete histories; for what a changes message announces
// ask [Wanted]. Two merges of the same versions are in conflict here: see [SameMerge].
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

// compareTrees compares tree revisions. If each has superseded the other, because two peers settled the same
// conflict differently, the later one replaces the other everywhere.
func compareTrees(a, b Rev) Order {
	aDescends, bDescends := a.replaces(b.ID), b.replaces(a.ID)
	if aDescends && bDescends {
		aDescends, bDescends = isLaterTree(a.ID, b.ID), isLaterTree(b.ID, a.ID)
	}
	return orderOf(aDescends, bDescends)
}

// isLaterTree reports whether a is of a higher generation than b, or has the higher ID of the same.
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

// compareLegacy says what the tree revision is to the version.
// A version whose history does not name the tree revision is in conflict with it: where the
// rule leaves it open, no content must be lost.
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

// Contains reports whether r is id or descends from it, as far as its history tells. A vector
// that knows a later version of a source contains the earlier ones too. Every revision
// contains the empty ID.
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

// replaces reports whether the tree revision id is an ancestor of r, or was superseded by it.
func (r Rev) replaces(id ID) bool {
	return slices.Contains(r.History.Ancestors, id) || r.hasSuperseded(id)
}

func (r Rev) hasSuperseded(id ID) bool {
	return r.ID.IsTree() && slices.Contains(r.History.Superseded, id)
}

// MayHaveBeaten reports whether id, which r contains, may have lost a conflict to r. Whoever has id may have
// settled that conflict the other way. An earlier version of r's own writer has not: one database makes its
// versions one after another, and none is in conflict with a later one.
func (r Rev) MayHaveBeaten(id ID) bool {
	if r.ID.IsVersion() && id.IsVersion() {
		return r.ID.Source() != id.Source() || id.Source() == LegacySource
	}
	return r.hasSuperseded(id)
}

// hasSeen reports whether the version id is r's, or before it. Encoded tree IDs have no order but
// between two current ones, since branches of a tree share their source: otherwise only
// that very revision counts.
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

// timeOf returns the time up to which r knows source; 0 for not at all.
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

// containsEncoded reports whether t stands for a tree ID that is r itself, or an ancestor of r.
func (r Rev) containsEncoded(t Time) bool {
	if r.ID.IsTree() && r.ID.encodedTime() == t {
		return true
	}
	return slices.ContainsFunc(r.History.Ancestors, func(id ID) bool { return id.encodedTime() == t })
}

// SameMerge reports whether a and b are merges of the same versions. If their bodies are equal
// too, they are the same revision in all but name, and no conflict.
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
