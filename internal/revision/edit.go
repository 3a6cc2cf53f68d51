package revision

import (
	"cmp"
	"crypto/sha1"
	"encoding/hex"
	"slices"
)

// EditTree returns the tree revision of an edit. parent is the revision that it replaces, zero for
// a new document. canonicalBody is the body with sorted keys and no whitespace, "{}" for an empty
// one. The same edit of the same parent gets the same ID on every peer. A version as parent is
// ignored: a database of tree revisions never stores one.
func EditTree(parent Rev, deleted bool, canonicalBody []byte) Rev {
	if !parent.ID.IsTree() {
		parent = Rev{}
	}
	r := Rev{ID: NewTree(parent.ID.Generation()+1, treeDigest(parent.ID, deleted, canonicalBody))}
	if !parent.IsZero() {
		r.History.Ancestors = prepend(parent.ID, parent.History.Ancestors)
		r.History.Superseded = parent.History.Superseded
	}
	return r
}

func treeDigest(parent ID, deleted bool, body []byte) string {
	n := min(len(parent), 255)
	digest := sha1.New()
	digest.Write([]byte{byte(n)})
	digest.Write([]byte(parent[:n]))
	if deleted {
		digest.Write([]byte{1})
	} else {
		digest.Write([]byte{0})
	}
	digest.Write(body)
	return hex.EncodeToString(digest.Sum(nil))
}

// EditVersion returns the version of an edit by source me at now, a time from [Next]. parent is the
// revision that it replaces, zero for a new document; a tree revision becomes the newest ancestor.
// The time exceeds now only if parent has a later version of me.
func EditVersion(parent Rev, now Time, me Source) Rev {
	var known sources
	known.addAll(parent, false)
	return Rev{
		ID: NewVersion(max(now, known.timeOf(me)+1), me),
		History: History{
			Previous:  known.without(me),
			Ancestors: parent.tail(),
		},
	}
}

// MergeVersions returns the version, by me at now, of new content that combines local and remote.
// It is newer than both. A tree revision on one side takes part in its encoded form. Of two tree
// revisions the remote one leads the ancestors and the local one stays as an encoded version. The
// time exceeds now only if me has a later version in either history.
func MergeVersions(local, remote Rev, now Time, me Source) Rev {
	var known sources
	known.addAll(local, true)
	known.addAll(remote, true)
	r := Rev{ID: NewVersion(max(now, known.timeOf(me)+1), me)}
	drop := []Source{me}
	if a, b := local.ID.Encoded(), remote.ID.Encoded(); a.Source() != b.Source() {
		r.History.Merges = newestFirst([]ID{a, b})
		drop = append(drop, a.Source(), b.Source())
	} else if remote.ID.IsTree() {
		known.set(a)
	} else {
		known.set(b)
	}
	r.History.Previous = known.without(drop...)
	r.History.Ancestors = joinTails(remote, local)
	return r
}

// Absorb returns winner after it has won a conflict with loser and keeps its content: it has the
// same ID, and its history also covers loser. A tree revision takes its encoded form, unless both
// sides are tree revisions, encoded or not: then Absorb returns winner unchanged.
//
// The result is newer than loser in all but two cases. One is the case of two tree revisions. In
// the other, loser claims to have seen winner, because another peer resolved the conflict in the
// opposite way. Only a merge then supersedes loser: if local wins, check [Compare] and use
// [MergeVersions].
func Absorb(winner, loser Rev) Rev {
	if winner.IsLegacy() && loser.IsLegacy() {
		return winner
	}
	var known sources
	known.addAll(winner, true)
	known.addAll(loser, true)
	known.set(loser.ID.Encoded())
	r := Rev{ID: winner.ID.Encoded(), History: History{Merges: winner.History.Merges}}.knowing(known)
	r.History.Ancestors = joinTails(winner, loser)
	return r
}

// Overrule returns the version, by me at now, that gives the content of winner a place after loser,
// its opponent in a conflict. Winner has a tree revision, which becomes an ancestor.
func Overrule(winner, loser Rev, now Time, me Source) Rev {
	r := EditVersion(loser, now, me)
	r.History.Ancestors = joinTails(loser, winner)
	return r.seeing(winner)
}

// Join returns incoming, which descends from local, with the rest of local's history: the ancestors
// that the sender left out because local has them, the branches that local had superseded, and the
// versions that local had seen. The result replaces local; prune it before storing it.
func Join(incoming, local Rev) Rev {
	incoming = Complete(incoming, local)
	if incoming.ID.IsTree() {
		return Supersede(incoming, local) // local is among incoming's ancestors, or on another branch
	}
	return incoming.seeing(local)
}

// Complete returns incoming with the ancestors that its sender left out because local has them.
// Incoming may descend from local or be in conflict with it.
func Complete(incoming, local Rev) Rev {
	known, list := local.tail(), incoming.History.Ancestors
	for i, id := range list {
		at := slices.Index(known, id)
		if at < 0 {
			continue
		}
		if len(known)-at > len(list)-i {
			incoming.History.Ancestors = slices.Concat(list[:i], known[at:])
		}
		break
	}
	return incoming
}

// seeing returns the version r with the versions in other's history added to its previous ones.
func (r Rev) seeing(other Rev) Rev {
	if !r.ID.IsVersion() || !other.ID.IsVersion() {
		return r
	}
	var known sources
	known.addAll(r, false)
	known.addAll(other, false)
	return r.knowing(known)
}

// knowing returns the version r with a history that covers known. Its merges stay merges unless a
// later version of one of their sources is known.
func (r Rev) knowing(known sources) Rev {
	merges := r.History.Merges
	if !known.allNewest(merges, r.ID.Source()) {
		merges = nil
	}
	drop := []Source{r.ID.Source()}
	for _, id := range merges {
		drop = append(drop, id.Source())
	}
	r.History.Merges, r.History.Previous = merges, known.without(drop...)
	return r
}

// tail returns the tree IDs that a descendant of r lists as ancestors.
func (r Rev) tail() []ID {
	if r.ID.IsTree() {
		return prepend(r.ID, r.History.Ancestors)
	}
	return r.History.Ancestors
}

func prepend(id ID, ids []ID) []ID {
	return append(append(make([]ID, 0, len(ids)+1), id), ids...)
}

// joinTails merges the ancestors of two revisions into one list with falling generations. If both
// have an ancestor of one generation, the list takes first's. A current tree revision of second
// counts before first's remembered ancestors.
func joinTails(first, second Rev) []ID {
	if second.ID.IsTree() && !first.ID.IsTree() {
		first, second = second, first
	}
	joined := slices.Clone(first.tail())
	for _, id := range second.tail() {
		taken := func(other ID) bool { return other.Generation() == id.Generation() }
		if !slices.ContainsFunc(joined, taken) {
			joined = append(joined, id)
		}
	}
	slices.SortFunc(joined, func(a, b ID) int { return cmp.Compare(b.Generation(), a.Generation()) })
	return nilIfEmpty(joined)
}

// sources is a set of versions with the newest of each source.
type sources []ID

// addAll adds the versions of r and of its history. If encode is set, it adds the ID of a tree
// revision in encoded form, too.
func (s *sources) addAll(r Rev, encode bool) {
	if r.ID.IsVersion() || encode && r.ID.IsTree() {
		s.add(r.ID.Encoded())
	}
	s.add(r.History.Merges...)
	s.add(r.History.Previous...)
}

func (s *sources) add(ids ...ID) {
	for _, id := range ids {
		i := slices.IndexFunc(*s, func(other ID) bool { return other.Source() == id.Source() })
		switch {
		case i < 0:
			*s = append(*s, id)
		case (*s)[i].Time() < id.Time():
			(*s)[i] = id
		}
	}
}

// set adds id and drops any other version of its source: of two encoded tree IDs the later is not
// always the one to keep.
func (s *sources) set(id ID) {
	*s = slices.DeleteFunc(*s, func(other ID) bool { return other.Source() == id.Source() })
	*s = append(*s, id)
}

func (s sources) timeOf(source Source) Time {
	for _, id := range s {
		if id.Source() == source {
			return id.Time()
		}
	}
	return 0
}

// allNewest reports whether s has no later version of the sources of ids, ignoring the source
// except.
func (s sources) allNewest(ids []ID, except Source) bool {
	return !slices.ContainsFunc(ids, func(id ID) bool {
		return id.Source() != except && s.timeOf(id.Source()) != id.Time()
	})
}

func (s sources) without(drop ...Source) []ID {
	var kept []ID
	for _, id := range s {
		if !slices.Contains(drop, id.Source()) {
			kept = append(kept, id)
		}
	}
	return newestFirst(kept)
}

func newestFirst(ids []ID) []ID {
	slices.SortFunc(ids, func(a, b ID) int {
		return cmp.Or(cmp.Compare(b.Time(), a.Time()), cmp.Compare(a, b))
	})
	return ids
}
