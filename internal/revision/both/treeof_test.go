package both_test

import (
	"testing"

	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/revision/both"
)

// A version that the head has seen has a tree ID in the chain, or beside it, or under a learnt name.
func TestTheTreeIDOfASeenVersion(t *testing.T) {
	t.Parallel()
	version := func(at revision.Time, source byte) revision.ID {
		return revision.NewVersion(at<<41, revision.SourceFrom([16]byte{source}))
	}
	cv, below, beside, named := version(9, 1), version(5, 1), version(4, 2), version(3, 3)
	h := both.HeadOf(revision.Rev{ID: cv, History: revision.History{
		Previous:   []revision.ID{beside, named},
		Ancestors:  []revision.ID{both.Embed(4, cv), both.Embed(3, below)},
		Superseded: []revision.ID{both.Embed(2, beside), "2-0123"},
		Names:      []revision.Name{{Tree: "2-0123", Version: named}},
	}})
	for known, want := range map[revision.ID]revision.ID{
		cv: both.Embed(4, cv), below: both.Embed(3, below), beside: both.Embed(2, beside), named: "2-0123",
		version(2, 7): "", "1-aa": "1-aa", "": "",
	} {
		if got := h.TreeOf(known); got != want {
			t.Errorf("the tree ID of %q is %q, want %q", known, got, want)
		}
	}
}
