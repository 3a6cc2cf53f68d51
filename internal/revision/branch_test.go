package revision_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandemdb/tandem/internal/revision"
)

func superseding(r revision.Rev, superseded ...revision.ID) revision.Rev {
	r.History.Superseded = superseded
	return r
}

func TestSupersedeCoversTheLosingBranch(t *testing.T) {
	winner := tree("3-c", "2-b", "1-a")
	loser := superseding(tree("3-x", "2-x", "1-a"), "1-y")
	got := revision.Supersede(winner, loser)
	if diff := cmp.Diff(superseding(winner, "3-x", "2-x", "1-y"), got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	for _, id := range []revision.ID{"3-x", "2-x", "1-y", "1-a"} {
		if !got.Contains(id) {
			t.Errorf("%v does not contain %s", got, id)
		}
	}
	if order := revision.Compare(got, tree("3-x", "2-x", "1-a")); order != revision.Newer {
		t.Errorf("the winner is %v to the loser, want newer", order)
	}
	edit := revision.EditTree(got, false, []byte("{}"))
	if order := revision.Compare(edit, loser); order != revision.Newer {
		t.Errorf("an edit of the winner is %v to the loser, want newer", order)
	}
}

func TestSupersededRevisionsAreStored(t *testing.T) {
	for _, r := range []revision.Rev{
		superseding(tree("2-b", "1-a"), "3-x", "1-y"),
		superseding(revision.Rev{ID: "1-a"}, "1-y"),
	} {
		got, err := revision.ParseHistory(r.History.String())
		if diff := cmp.Diff(r.History, got); err != nil || diff != "" {
			t.Errorf("%q: %v (-want +got)\n%s", r.History, err, diff)
		}
	}
	if got := superseding(tree("1-a"), "3-x", "2-x", "1-x").Pruned(3, nil).History.Superseded; len(got) != 2 || got[0] != "3-x" {
		t.Errorf("pruned to %v, want the newest two", got)
	}
}

func TestDeletedBranchNamesAPeersBranch(t *testing.T) {
	r := superseding(tree("2-b", "1-a"), "1-c8")
	text := r.DeletedBranch("1-c8")
	ids := revision.ParseTreeIDs(text)
	if len(ids) != 2 || ids[0].Generation() != 2 || ids[1] != "1-c8" {
		t.Errorf("got %q, want a tombstone upon 1-c8", text)
	}
	if got := revision.ParseDeletedBranch(text); len(got) != 1 || got[0] != "1-c8" {
		t.Errorf("%q is read as %v, want 1-c8 alone", text, got)
	}
	for _, ancestor := range []revision.ID{"1-a", "1-unknown", ""} {
		if text := r.DeletedBranch(ancestor); text != "" {
			t.Errorf("%q gives %q, want none", ancestor, text)
		}
	}
}

func TestParseTreeIDsIsBounded(t *testing.T) {
	if n := len(revision.ParseTreeIDs(strings.Repeat("1-a,", 1000))); n != revision.DefaultHistory {
		t.Errorf("read %d IDs, want %d", n, revision.DefaultHistory)
	}
	if ids := revision.ParseTreeIDs("nonsense, 1-a,,2@x"); len(ids) != 1 || ids[0] != "1-a" {
		t.Errorf("read %v, want 1-a", ids)
	}
}

func TestAKnowerKnowsTheSame(t *testing.T) {
	r := revision.Rev{ID: "4-d", History: revision.History{
		Ancestors: []revision.ID{"3-c", "2-b", "1-a"}, Superseded: []revision.ID{"3-x", "2-y", "2-z", "1-w"},
	}}
	ids := []revision.ID{"", "4-d", "4-e", "1-q", "5-q", "0-a", "18@AAAAAAAAAAAAAAAAAAAAAA"}
	for _, id := range append(r.History.Ancestors, r.History.Superseded...) {
		ids = append(ids, id, id.Closing(), id.Closing().Closing())
	}
	knows := r.Knower()
	for _, id := range append(ids, ids...) {
		if knows(id) != r.Knows(id) {
			t.Errorf("%q: got %v, want %v", id, knows(id), r.Knows(id))
		}
	}
}
