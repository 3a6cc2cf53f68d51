package both_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/revision/both"
)

// §5.6: what a Sync Gateway, which has both names of each document, tells and takes.

// gatewayTree is a tree ID as a Sync Gateway makes it.
func gatewayTree(generation uint64, digit string) revision.ID {
	return revision.NewTree(generation, strings.Repeat(digit, 32))
}

func TestAGatewayIsAskedForItsTree(t *testing.T) {
	t.Parallel()
	v, w := ruleVersion(1, 1), ruleVersion(2, 2)
	h := both.HeadOf(vectorRev(v))
	if got := h.Want(both.Offer{Rev: vectorRev(w)}, both.Gateway); !slices.Equal(got.Known, h.Chain()[:1]) {
		t.Errorf("the answer names %v, want the tree ID alone", got.Known)
	}
}

// Its own name of a version means nothing to others, a client's name does.
func TestAGatewaysNames(t *testing.T) {
	t.Parallel()
	v, w := ruleVersion(1, 1), ruleVersion(2, 2)
	own, clients := gatewayTree(4, "d"), plain(4, "c")
	from := func(tree revision.ID) both.Incoming {
		return both.Incoming{Rev: vectorRev(w, v), Tree: []revision.ID{tree, gatewayTree(3, "e")}, From: both.Gateway}
	}
	for name, h := range map[string]both.Head{
		"new":     both.First(from(own)),
		"an edit": both.HeadOf(vectorRev(v)).Receive(from(own)).Head,
	} {
		if h.Chain()[0] != both.Embed(5, w) || !h.Is(own) {
			t.Errorf("%s: the head is %v, want one that contains the version, above the gateway's name", name, h.Chain())
		}
		edit := treeRev(plain(5, "f"), own)
		if r := h.Receive(both.Incoming{Rev: edit}); r.Outcome != both.Replaced {
			t.Errorf("%s: an edit of the gateway's name has outcome %v", name, r.Outcome)
		}
	}
	h := both.HeadOf(vectorRev(v)).Receive(from(clients)).Head
	if h.Chain()[0] != clients || !h.Seen(clients.Encoded()) {
		t.Errorf("a client's edit is %s %v, seen %t", h.Rev().ID, h.Chain(), h.Seen(clients.Encoded()))
	}
}

// A gateway gives a version of its own to what its clients push as trees.
func TestAGatewaysStampIsNoEdit(t *testing.T) {
	t.Parallel()
	one, two, stamp := plain(1, "a"), plain(2, "b"), ruleVersion(5, 9)
	in := both.Incoming{Rev: vectorRev(stamp), Tree: []revision.ID{one}, From: both.Gateway, Same: true}
	r := both.HeadOf(treeRev(one)).Receive(in)
	if r.Outcome != both.Named || r.Head.Rev().ID != stamp || r.Head.Chain()[0] != one {
		t.Errorf("the stamp of the head has outcome %v: %s %v, want it as the version of %s", r.Outcome, r.Head.Rev().ID, r.Head.Chain(), one)
	}
	in.Same = false
	r = both.HeadOf(treeRev(two, one)).Receive(in)
	if r.Outcome != both.Named || r.Head.Rev().ID != two.Encoded() || !r.Head.Seen(stamp) {
		t.Errorf("the stamp of an ancestor has outcome %v: %s %s", r.Outcome, r.Head.Rev().ID, r.Head.Rev().History)
	}
}

// A copy repeats an encoded tree ID where that is refused. It is the same revision, and becomes its version.
func TestACopyIsTheTreeRevision(t *testing.T) {
	t.Parallel()
	v, w, two, three := ruleVersion(1, 1), ruleVersion(9, 2), plain(2, "b"), plain(3, "c")
	h := both.HeadOf(revision.Rev{ID: two.Encoded(), History: revision.History{
		Previous: []revision.ID{v}, Ancestors: []revision.ID{two, both.Embed(1, v)},
	}})
	if h.IsPlain() || !both.HeadOf(treeRev(two, plain(1, "a"))).IsPlain() || both.HeadOf(vectorRev(v)).IsPlain() {
		t.Error("only what has seen no version is plain")
	}
	copied := h.Copy()
	if copied.ID.Time() != two.Encoded().Time() || copied.ID == two.Encoded() || !copied.Contains(two.Encoded()) || !copied.Contains(v) {
		t.Fatalf("the copy is %s %s", copied.ID, copied.History)
	}
	if _, err := revision.ParseRev(string(copied.ID), copied.History.String()); err != nil {
		t.Fatal(err)
	}
	learnt := h.Learn(copied.ID)
	if learnt.Rev().ID != copied.ID || learnt.Chain()[0] != two || !learnt.Is(two) || !learnt.Is(two.Encoded()) {
		t.Errorf("with its copy the head is %s %v", learnt.Rev().ID, learnt.Chain())
	}
	above := h.Next(w, 0)
	if got := above.Learn(copied.ID); got.Rev().ID != w || !got.Seen(copied.ID) {
		t.Errorf("above its copy the head is %s %s", got.Rev().ID, got.Rev().History)
	}
	for name, got := range map[string]both.Answer{
		"announced":       h.Want(both.Offer{Rev: revision.Rev{ID: copied.ID}}, both.Gateway),
		"proposed":        h.Propose(both.Offer{Rev: copied}, both.App),
		"announced above": above.Want(both.Offer{Rev: revision.Rev{ID: copied.ID}}, both.App),
	} {
		if got.Status != revision.Known || got.Learn != copied.ID {
			t.Errorf("%s: the answer is %+v, want that the copy is known and learnt", name, got)
		}
	}
	if r := h.Receive(both.Incoming{Rev: copied}); r.Outcome != both.Named || r.Head.Rev().ID != copied.ID {
		t.Errorf("received, the copy has outcome %v: %s", r.Outcome, r.Head.Rev().ID)
	}
	// a database that gets the copy first gives it the same tree ID, and the names of the past do not count it
	first := both.First(both.Incoming{Rev: copied})
	if id := first.Chain()[0]; !strings.HasPrefix(string(two), string(id)) || !first.Is(two) {
		t.Errorf("known by its copy alone, the head is %v", first.Chain())
	}
	next := both.First(both.Incoming{Rev: vectorRev(w, copied.ID, three.Encoded())})
	if got, want := next.Chain()[0], both.Embed(4, w); got != want {
		t.Errorf("above a copy the tree ID is %s, want %s", got, want)
	}
	if list := learnt.Next(w, 20).History(nil, 49); slices.ContainsFunc(list, func(id revision.ID) bool { return both.VersionOf(id) == copied.ID }) {
		t.Errorf("the history %v tells the copy", list)
	}
}
