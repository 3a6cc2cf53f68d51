package both_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/revision/both"
)

// The rules, each by the smallest story that needs it. They overlap in networks, so that leaving out one alone
// shows little there.

const ruleTime revision.Time = 0x18ec79a8e2b30000

func ruleVersion(n int, source byte) revision.ID {
	return revision.NewVersion(ruleTime+revision.Time(n), revision.SourceFrom([16]byte{source}))
}

// plain is a tree ID as an app of the third generation makes it.
func plain(generation uint64, digit string) revision.ID {
	return revision.NewTree(generation, strings.Repeat(digit, 40))
}

func treeRev(ids ...revision.ID) revision.Rev {
	return revision.Rev{ID: ids[0], History: revision.History{Ancestors: ids[1:]}}
}

func vectorRev(ids ...revision.ID) revision.Rev {
	return revision.Rev{ID: ids[0], History: revision.History{Previous: ids[1:]}}
}

func proposed(rev revision.Rev, parent revision.ID) both.Offer {
	return both.Offer{Rev: rev, Parent: parent}
}

func TestProposalsAndAnnouncementsByTheRules(t *testing.T) {
	t.Parallel()
	one, two, other := plain(1, "a"), plain(2, "b"), plain(2, "c")
	v, w := ruleVersion(1, 1), ruleVersion(2, 2)
	overTree := both.HeadOf(vectorRev(v, one.Encoded()))
	mutual := both.HeadOf(vectorRev(w, v))
	beaten := both.HeadOf(treeRev(two, one)).Receive(both.Incoming{Rev: treeRev(plain(3, "d"), two, one), Superseded: []revision.ID{other}}).Head
	for name, x := range map[string]struct {
		got, want both.Answer
	}{
		"R1 an unknown tree revision is asked for, whatever its parent": {
			overTree.Propose(proposed(treeRev(other), ""), both.App), both.Answer{},
		},
		"R1 what is seen is known": {
			both.HeadOf(treeRev(two, one)).Propose(proposed(treeRev(one), ""), both.App), both.Answer{Status: revision.Known},
		},
		"R4 a tree revision that lost, over our head": {
			beaten.Propose(proposed(treeRev(other), beaten.Chain()[0]), both.App), both.Answer{},
		},
		"R4 a version that lost, over our head": {
			mutual.Propose(proposed(vectorRev(v), w), both.App), both.Answer{},
		},
		"R5 an alias is learnt from a proposal": {
			both.HeadOf(vectorRev(v)).Propose(proposed(treeRev(both.Embed(7, v)), ""), both.App),
			both.Answer{Status: revision.Known, Learn: both.Embed(7, v)},
		},
		"R5 and from an announcement": {
			both.HeadOf(vectorRev(v)).Want(both.Offer{Rev: treeRev(both.Embed(7, v))}, both.App),
			both.Answer{Status: revision.Known, Learn: both.Embed(7, v)},
		},
		"R10 each has seen the other, proposed": {
			mutual.Propose(proposed(vectorRev(v, w), ""), both.App), both.Answer{Status: revision.Refuse, Renew: true},
		},
		"R10 each has seen the other, announced": {
			mutual.Want(both.Offer{Rev: vectorRev(v, w)}, both.App), both.Answer{Status: revision.Known, Renew: true},
		},
	} {
		if x.got.Status != x.want.Status || x.got.Renew != x.want.Renew || x.got.Learn != x.want.Learn {
			t.Errorf("%s: got %+v, want %+v", name, x.got, x.want)
		}
	}
}

func TestRevisionsByTheRules(t *testing.T) {
	t.Parallel()
	one, two, three := plain(1, "a"), plain(2, "b"), plain(3, "c")
	v, w := ruleVersion(1, 1), ruleVersion(2, 2)
	tree := both.HeadOf(treeRev(one))
	version := both.HeadOf(vectorRev(v))
	mutual := both.HeadOf(vectorRev(w, v))
	minted := both.HeadOf(revision.Rev{ID: revision.NewTree(5, "fc"+strings.Repeat("0", 40)), History: revision.History{Ancestors: []revision.ID{two, one}}})
	for name, x := range map[string]struct {
		got   both.Result
		want  both.Outcome
		renew bool
	}{
		"R3 a tree revision proposed over the head": {
			version.Receive(both.Incoming{Rev: treeRev(two), Claim: v}), both.Replaced, false,
		},
		"R3 without the claim":                 {version.Receive(both.Incoming{Rev: treeRev(two)}), both.Conflicting, false},
		"R3 a version proposed over the head":  {version.Receive(both.Incoming{Rev: vectorRev(w), Claim: v}), both.Replaced, false},
		"R3 a version without the claim":       {version.Receive(both.Incoming{Rev: vectorRev(w)}), both.Conflicting, false},
		"R3 a deleted branch that is the head": {version.Receive(both.Incoming{Rev: treeRev(two), Superseded: []revision.ID{version.Chain()[0]}}), both.Replaced, false},
		"R4 a version that lost, over our head, from a client": {
			mutual.Receive(both.Incoming{Rev: vectorRev(v), Claim: w, Passive: true}), both.Replaced, true,
		},
		"R4 not if we lead": {mutual.Receive(both.Incoming{Rev: vectorRev(v), Claim: w}), both.Ignored, false},
		"R8 an edit of the origin of a copy": {
			minted.Receive(both.Incoming{Rev: treeRev(three, two, one)}), both.Replaced, false,
		},
		"R9 the same content from an app of trees":    {tree.Receive(both.Incoming{Rev: treeRev(two, one), Same: true}), both.Named, false},
		"R9 the same content from one of versions":    {tree.Receive(both.Incoming{Rev: vectorRev(v, one.Encoded()), Same: true}), both.Named, false},
		"R10 each has seen the other":                 {mutual.Receive(both.Incoming{Rev: vectorRev(v, w)}), both.Conflicting, true},
		"two tree revisions of one generation":        {both.HeadOf(treeRev(two, one)).Receive(both.Incoming{Rev: vectorRev(v, plain(2, "f").Encoded())}), both.Settled, false},
		"a later generation is taken for descent":     {both.HeadOf(treeRev(two, one)).Receive(both.Incoming{Rev: vectorRev(v, three.Encoded())}), both.Replaced, false},
		"an edit of a later version of our source":    {version.Receive(both.Incoming{Rev: treeRev(plain(5, "e"), both.Embed(4, ruleVersion(9, 1)))}), both.Replaced, false},
		"an edit of an earlier version of our source": {both.HeadOf(vectorRev(ruleVersion(9, 1))).Receive(both.Incoming{Rev: treeRev(two, both.Embed(1, v))}), both.Conflicting, false},
	} {
		if x.got.Outcome != x.want || x.got.Renew != x.renew {
			t.Errorf("%s: got %v (renew %t), want %v (%t)", name, x.got.Outcome, x.got.Renew, x.want, x.renew)
		}
	}
}

// R9: the content alone decides what moves. The name that the other generation has stays.
func TestTheSameContentMovesNothingInTheOtherGeneration(t *testing.T) {
	t.Parallel()
	one, two, v := plain(1, "a"), plain(2, "b"), ruleVersion(1, 1)
	before := both.HeadOf(treeRev(one))
	after := before.Receive(both.Incoming{Rev: vectorRev(v, one.Encoded()), Same: true}).Head
	if after.Chain()[0] != one || after.Rev().ID != v {
		t.Errorf("a version of the same content makes %s %s, want %s %s", after.Rev().ID, after.Chain()[0], v, one)
	}
	ours := both.HeadOf(vectorRev(v))
	after = ours.Receive(both.Incoming{Rev: treeRev(two, ours.Chain()[0]), Same: true}).Head
	if after.Rev().ID != v || !after.Is(two) || after.Chain()[0].Generation() <= 2 {
		t.Errorf("a tree revision of the same content makes %s %v, want %s above %s", after.Rev().ID, after.Chain(), v, two)
	}
}

// I1: what an app of trees writes upon a head is later than all that the head has seen.
func TestANameIsAboveTheTreeRevisionsThatItsVersionHasSeen(t *testing.T) {
	t.Parallel()
	late, v := plain(4, "d").Encoded(), ruleVersion(1, 1)
	same := both.HeadOf(treeRev(plain(1, "a"))).Receive(both.Incoming{Rev: vectorRev(v, late), Same: true})
	theirs := both.HeadOf(treeRev(plain(4, "d"))).Receive(both.Incoming{Rev: vectorRev(v)})
	resolved, _, _ := both.Resolve(both.HeadOf(treeRev(plain(4, "d"))), theirs.Head, both.Remote, false)
	for name, h := range map[string]both.Head{"the same content": same.Head, "a resolved conflict": resolved} {
		if h.Rev().ID != v || h.Chain()[0].Generation() <= 4 {
			t.Errorf("%s: the name is %v, want one above generation 4", name, h.Chain())
		}
	}
}

// R7: an encoded tree ID that does not exceed what its ancestors had seen would not replace it for Couchbase Lite 4.
func TestATreeRevisionOverALaterOneIsWrapped(t *testing.T) {
	t.Parallel()
	late, v := plain(4, "d").Encoded(), ruleVersion(1, 1)
	h := both.HeadOf(treeRev(plain(4, "d"), plain(3, "c"), plain(2, "e"), plain(1, "a"))).Next(v, 0)
	for name, in := range map[string]both.Incoming{
		"a tree revision": {Rev: treeRev(plain(2, "b")), Claim: v},
		"from a database of both": {
			Rev: vectorRev(plain(2, "b").Encoded(), v), Tree: []revision.ID{plain(2, "b")}, Superseded: h.Chain(), From: both.OfBoth,
		},
	} {
		r := h.Receive(in)
		if got := r.Head.Rev(); r.Outcome != both.Replaced || got.ID.Source() != revision.LegacySource || got.ID.Time() <= late.Time() {
			t.Errorf("%s: outcome %v, %s %v, want a copy above %s", name, r.Outcome, got.ID, r.Head.Chain(), late)
		}
	}
}

// An app that has the head under its name takes no descendant whose name is lower.
func TestADescendantsNameIsAboveTheHeads(t *testing.T) {
	t.Parallel()
	v, w := ruleVersion(1, 1), ruleVersion(2, 2)
	h := both.HeadOf(vectorRev(v)).Learn(both.Embed(5, v))
	for name, in := range map[string]both.Incoming{
		"a tree revision":           {Rev: treeRev(plain(2, "b")), Claim: v},
		"from a database of both":   {Rev: vectorRev(w, v), Tree: []revision.ID{both.Embed(2, w), both.Embed(1, v)}, From: both.OfBoth},
		"of an app of versions":     {Rev: vectorRev(w, v)},
		"a tree revision over ours": {Rev: treeRev(plain(2, "b"), both.Embed(1, v))},
	} {
		r := h.Receive(in)
		if top := r.Head.Chain()[0]; r.Outcome != both.Replaced || top.Generation() <= 5 {
			t.Errorf("%s: outcome %v, named %s, want a name above generation 5", name, r.Outcome, top)
		}
	}
}

// R4: what a client of trees decides against our head is a copy that outranks both.
func TestADecisionAgainstOurHeadOutranksBoth(t *testing.T) {
	t.Parallel()
	one, lost, won := plain(1, "a"), plain(2, "b"), plain(3, "c")
	h := both.HeadOf(treeRev(lost, one)).Receive(both.Incoming{Rev: treeRev(won, one), Superseded: []revision.ID{lost}}).Head
	r := h.Receive(both.Incoming{Rev: treeRev(lost, one), Superseded: []revision.ID{won}})
	if r.Outcome != both.Replaced || r.Head.Chain()[0].Generation() <= won.Generation() || !r.Head.Seen(won) || !r.Head.Seen(lost) {
		t.Errorf("outcome %v, %v, want a copy of %s above %s", r.Outcome, r.Head.Chain(), lost, won)
	}
}

// R5: peers that have an alias of a higher generation must not take it for newer than what is above ours.
func TestAnOlderNameOfAHighGenerationIsOutranked(t *testing.T) {
	t.Parallel()
	v, w := ruleVersion(1, 1), ruleVersion(2, 1)
	h := both.HeadOf(vectorRev(v)).Next(w, 0)
	if got := h.Learn(both.Embed(9, v)); got.Chain()[0].Generation() <= 9 || got.Rev().ID != w {
		t.Errorf("the head is %s %v, want above generation 9", got.Rev().ID, got.Chain())
	}
	if got := h.Learn(both.Embed(9, w)); got.Chain()[0] != both.Embed(9, w) {
		t.Errorf("the head's name is %s, want the greater one", got.Chain()[0])
	}
}

// §5.2: a history ends at what the peer has, also where that is in no chain, and tells versions in its gaps.
func TestHistoriesReachWhatThePeerHas(t *testing.T) {
	t.Parallel()
	v, w, x := ruleVersion(1, 1), ruleVersion(2, 2), ruleVersion(3, 3)
	h := both.HeadOf(vectorRev(x, w, v)).Learn(both.Embed(6, x))
	alias := both.Embed(2, v)
	list := h.History([]revision.ID{alias}, 49)
	if len(list) == 0 || list[len(list)-1] != alias {
		t.Errorf("the history %v does not end at %s, which the head has seen", list, alias)
	}
	if !slices.ContainsFunc(list, func(id revision.ID) bool { return both.VersionOf(id) == w }) {
		t.Errorf("the history %v does not tell %s", list, w)
	}
	if got := h.Alias([]revision.ID{both.Embed(3, x)}); got != both.Embed(3, x) {
		t.Errorf("the peer has the head as %q, want %s", got, both.Embed(3, x))
	}
	if got := h.Alias([]revision.ID{alias, h.Chain()[0]}); got != "" {
		t.Errorf("the peer has the head as %q, want no alias", got)
	}
}

// A peer that names nothing may have what the head has given up: its history tells that in the gaps.
func TestHistoriesTellWhatWasGivenUp(t *testing.T) {
	t.Parallel()
	v, first, lost := ruleVersion(1, 1), plain(1, "a"), plain(3, "c")
	h := both.HeadOf(revision.Rev{ID: v, History: revision.History{
		Ancestors: []revision.ID{both.Embed(4, v), first}, Superseded: []revision.ID{lost, both.Embed(2, v)},
	}})
	list := h.History(nil, 49)
	if len(list) != 3 || list[0] != lost || !both.IsFiller(list[1]) || list[2] != first {
		t.Errorf("the history is %v, want %s, a filler and %s", list, lost, first)
	}
}

// §6: what wins by its deletion, or by a resolver, outranks what loses in both generations.
func TestOutcomesOutrankTheLoserInBothGenerations(t *testing.T) {
	t.Parallel()
	low, high := both.HeadOf(treeRev(plain(2, "b"), plain(1, "a"))), both.HeadOf(treeRev(plain(4, "d")))
	version := both.HeadOf(vectorRev(ruleVersion(1, 1)))
	for name, x := range map[string]struct {
		local, remote               both.Head
		localDeleted, remoteDeleted bool
		want                        both.Winner
	}{
		"a deletion of lower generation":   {low, high, true, false, both.Local},
		"likewise, on the other side":      {high, low, false, true, both.Remote},
		"a deleted tree against a version": {low, version, true, false, both.Local},
		"two deletions":                    {low, high, true, true, both.Remote},
		"a version against a tree":         {high, version, false, false, both.Remote},
	} {
		if got := both.DefaultWinner(x.local, x.remote, x.localDeleted, x.remoteDeleted); got != x.want {
			t.Errorf("%s: the winner is %v, want %v", name, got, x.want)
		}
	}
	latest := plain(4, "d").Encoded().Time()
	if head, _, _ := both.Resolve(low, high, both.Local, false); head.Rev().ID.Time() <= latest || head.Chain()[0].Generation() <= 4 {
		t.Errorf("the winner of lower generation is %s %v, want a copy above %s", head.Rev().ID, head.Chain(), plain(4, "d"))
	}
	merged, renew, least := both.Resolve(high, low, both.Merged, false)
	next := merged.Next(ruleVersion(5, 3), least)
	if !renew || !next.Covers(high) || !next.Covers(low) || next.Rev().History.Previous[0].Time() != latest {
		t.Errorf("the merge is %s %v, renew %t, want one that has seen both", next.Rev().ID, next.Rev().History, renew)
	}
	if merged, _, least = both.Resolve(low, high, both.Merged, false); merged.Next(ruleVersion(5, 3), least).Rev().History.Previous[0].Time() != latest {
		t.Errorf("the merge %s has not seen the later tree revision", merged.Rev().History)
	}
}

// R9: a head whose version has moved on under its old tree ID is not taken back by a database of both that has an
// older version with that ID in its tree.
func TestAnOlderVersionWithTheTreeIDChangesNothing(t *testing.T) {
	t.Parallel()
	v, one, two, three := ruleVersion(1, 1), plain(1, "a"), plain(2, "d"), plain(3, "e")
	for name, x := range map[string]struct {
		before, old both.Head
		moved       revision.ID
	}{
		"a version's":       {both.HeadOf(vectorRev(v)), both.HeadOf(vectorRev(v)), two.Encoded()},
		"a tree revision's": {both.HeadOf(treeRev(one)), both.HeadOf(treeRev(one)).Next(v, 0), three.Encoded()},
	} {
		h := x.before.Receive(both.Incoming{Rev: vectorRev(x.moved, v), Same: true}).Head
		if h.Rev().ID != x.moved || h.Chain()[0] != x.before.Chain()[0] {
			t.Fatalf("%s: the head is %s %v, want %s under the old tree ID", name, h.Rev().ID, h.Chain(), x.moved)
		}
		old := both.Incoming{Rev: vectorAlone(x.old), Tree: x.old.Chain(), From: both.OfBoth}
		if r := h.Receive(old); r.Outcome != both.Ignored {
			t.Errorf("%s: the older version has outcome %v, and the head is %s", name, r.Outcome, r.Head.Rev().ID)
		}
	}
}

// I2: a head keeps all that its predecessors had seen, also where the sender tells less.
func TestNothingThatWasSeenIsForgotten(t *testing.T) {
	t.Parallel()
	v, w, x := ruleVersion(1, 1), ruleVersion(2, 2), ruleVersion(3, 3)
	h := both.HeadOf(vectorRev(w, v))
	for name, in := range map[string]both.Incoming{
		"a tree revision": {Rev: treeRev(plain(9, "c")), Claim: w},
		"a version":       {Rev: vectorRev(x), Claim: w},
	} {
		if r := h.Receive(in); r.Outcome != both.Replaced || !slices.Contains(r.Head.Rev().History.Previous, v) {
			t.Errorf("%s: outcome %v, %s has not seen %s", name, r.Outcome, r.Head.Rev().History, v)
		}
	}
	below := both.HeadOf(vectorRev(v, plain(4, "d").Encoded()))
	if !below.Seen(plain(2, "b")) || below.Seen(plain(5, "e")) {
		t.Errorf("%v: below a tree revision that is known in its encoded form alone, the order is all that is known", below.Chain())
	}
}

// §5.5: databases of both take over each other's names.
func TestDatabasesOfBothTakeOverNames(t *testing.T) {
	t.Parallel()
	v, w, one, two := ruleVersion(1, 1), ruleVersion(2, 2), plain(1, "a"), plain(2, "b")
	same := both.HeadOf(vectorRev(v)).Receive(both.Incoming{Rev: vectorRev(v), Tree: []revision.ID{both.Embed(7, v)}, From: both.OfBoth})
	if same.Outcome != both.Named || same.Head.Chain()[0] != both.Embed(7, v) {
		t.Errorf("the same version under a later name: outcome %v, %v", same.Outcome, same.Head.Chain())
	}
	h := both.HeadOf(treeRev(two, one)).Next(w, 0)
	stamp := h.Receive(both.Incoming{Rev: vectorRev(v), Tree: []revision.ID{two, one}, From: both.OfBoth})
	if stamp.Outcome != both.Named || !stamp.Head.Seen(v) || stamp.Head.Rev().ID != w {
		t.Errorf("a version of what the head has seen: outcome %v, %s %s", stamp.Outcome, stamp.Head.Rev().ID, stamp.Head.Rev().History)
	}
}
