package revision

import (
	"slices"
	"strings"
)

// Supersede returns the tree revision winner as the outcome of a conflict with loser: it
// replaces loser and everything that loser has replaced. What is an ancestor of winner anyway is
// not listed again. Prune the result before it is stored.
func Supersede(winner, loser Rev) Rev {
	return winner.SupersedeIDs(slices.Concat(loser.tail(), loser.History.Superseded))
}

// SupersedeIDs is [Supersede] for revisions of which nothing but their IDs is known.
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

// DeletedBranch returns the deleted_branch property of a rev message to a peer that has tree
// revision theirs: a tombstone upon theirs, and theirs. It is "" unless r has superseded theirs;
// an ancestor needs no such message.
func (r Rev) DeletedBranch(theirs ID) string {
	if !r.ID.IsTree() || !theirs.IsTree() || !slices.Contains(r.History.Superseded, theirs) {
		return ""
	}
	tombstone := EditTree(Rev{ID: theirs}, true, []byte("{}"))
	return string(tombstone.ID) + "," + string(theirs)
}

// ParseDeletedBranch reads a deleted_branch property: the revisions below the tombstone. The
// tombstone itself closes the branch for this message alone; elsewhere its ID may stand for
// somebody's true deletion.
func ParseDeletedBranch(text string) []ID {
	ids := ParseTreeIDs(text)
	if len(ids) == 0 {
		return nil
	}
	return ids[1:]
}

// JoinIDs writes revision IDs as a list with commas, which [ParseTreeIDs] reads.
func JoinIDs(ids []ID) string {
	var b strings.Builder
	writeList(&b, ids)
	return b.String()
}

// ParseTreeIDs reads a list of tree IDs, such as the deleted_branch property. Malformed ones
// are left out, since no revision of ours is among them; so are those beyond
// [DefaultHistory].
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
