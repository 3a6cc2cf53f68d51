package revision

import (
	"slices"
	"strings"
)

// Supersede returns the tree revision winner as the outcome of a conflict with loser: it replaces
// loser and everything that loser has replaced. It does not list ancestors of winner again. Prune
// the result before storing it.
func Supersede(winner, loser Rev) Rev {
	return winner.SupersedeIDs(slices.Concat(loser.tail(), loser.History.Superseded))
}

// SupersedeIDs is [Supersede] for revisions known only by their IDs.
func (r Rev) SupersedeIDs(ids []ID) Rev {
	list := slices.Clone(r.History.Superseded)
	for _, id := range ids {
		if id.IsTree() && id != r.ID && !r.replaces(id) && !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	slices.SortStableFunc(list, func(a, b ID) int {
		switch {
		case a.Generation() > b.Generation():
			return -1
		case a.Generation() < b.Generation():
			return 1
		}
		return 0
	})
	r.History.Superseded = nilIfEmpty(list)
	return r
}

// DeletedBranch returns the deleted_branch property of a rev message to a peer that has the tree
// revision theirs: the ID of a tombstone that ends the branch of theirs, and theirs. It is ""
// unless r has superseded theirs; for an ancestor the history suffices.
func (r Rev) DeletedBranch(theirs ID) string {
	if !r.ID.IsTree() || !theirs.IsTree() || !slices.Contains(r.History.Superseded, theirs) {
		return ""
	}
	return string(theirs.Closing()) + "," + string(theirs)
}

// Closing returns the ID of the tombstone that ends the branch of a tree revision: that of its
// deletion without a body. It is "" for a version and for the empty ID.
func (id ID) Closing() ID {
	if !id.IsTree() {
		return ""
	}
	return EditTree(Rev{ID: id}, true, []byte("{}")).ID
}

// Closed returns the ancestor or superseded revision whose branch the tombstone id ends, "" if there is
// none. That of an ancestor was superseded before.
func (r Rev) Closed(id ID) ID {
	for _, list := range [...][]ID{r.History.Superseded, r.History.Ancestors} {
		for _, known := range list {
			if known.Generation()+1 == id.Generation() && known.Closing() == id {
				return known
			}
		}
	}
	return ""
}

// Closings returns the tombstones that end the branches of the superseded revisions, but of those that
// are such tombstones.
func (r Rev) Closings() (ids []ID) {
	if len(r.History.Superseded) == 0 {
		return nil
	}
	ends := make(map[ID]bool)
	for _, list := range [...][]ID{r.History.Superseded, r.History.Ancestors} {
		for _, id := range list {
			ends[id.Closing()] = true
		}
	}
	for _, id := range r.History.Superseded {
		if !ends[id] {
			ids = append(ids, id.Closing())
		}
	}
	return ids
}

// Knows reports whether r makes the tree revision id needless: r is id, replaces it, or has superseded
// the branch that id ends.
func (r Rev) Knows(id ID) bool {
	return r.ID == id || r.replaces(id) || r.Closed(id) != ""
}

// Knower returns [Rev.Knows] for many revisions: it makes the ID of each tombstone once.
func (r Rev) Knower() func(ID) bool {
	known := map[ID]bool{r.ID: true}
	below := make(map[uint64][]ID) // those whose tombstones are not in known yet, by generation
	for _, list := range [...][]ID{r.History.Superseded, r.History.Ancestors} {
		for _, id := range list {
			known[id] = true
			if g := id.Generation(); id.IsTree() {
				below[g] = append(below[g], id)
			}
		}
	}
	return func(id ID) bool {
		if g := id.Generation(); !known[id] && g > 0 {
			for _, ended := range below[g-1] {
				known[ended.Closing()] = true
			}
			delete(below, g-1)
		}
		return known[id]
	}
}

// Ends reports whether the tombstone r only ends a branch that head has superseded.
func (r Rev) Ends(head Rev) bool {
	above := r.History.Ancestors
	return len(above) > 0 && head.hasSuperseded(above[0])
}

// ParseDeletedBranch parses a deleted_branch property and returns the revisions below the
// tombstone. The tombstone closes the branch only within this message; elsewhere its ID may name a
// real deletion.
func ParseDeletedBranch(text string) []ID {
	ids := ParseTreeIDs(text)
	if len(ids) == 0 {
		return nil
	}
	return ids[1:]
}

// FollowsLoser reports whether an ancestor of r lost a conflict to head.
func (r Rev) FollowsLoser(head Rev) bool {
	return slices.ContainsFunc(r.History.Ancestors, head.hasSuperseded)
}

// JoinIDs writes revision IDs as a list with commas. [ParseTreeIDs] parses it.
func JoinIDs(ids []ID) string {
	var b strings.Builder
	writeList(&b, ids)
	return b.String()
}

// SplitIDs is the inverse of [JoinIDs].
func SplitIDs(list string) (ids []ID) {
	if list == "" {
		return nil
	}
	for id := range strings.SplitSeq(list, ",") {
		ids = append(ids, ID(id))
	}
	return ids
}

// ParseTreeIDs parses a list of tree IDs, such as the deleted_branch property. It skips malformed
// IDs, since no stored revision has one, and IDs beyond [DefaultHistory].
func ParseTreeIDs(text string) []ID {
	var ids []ID
	if text == "" {
		return nil
	}
	for item := range strings.SplitSeq(text, ",") {
		if id, err := ParseID(strings.Trim(item, " ")); err == nil && id.IsTree() && len(ids) < DefaultHistory {
			ids = append(ids, id)
		}
	}
	return ids
}
