package revision_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandemdb/tandem/internal/revision"
)

// Every peer computes the same digests.
func TestEditTreeGivesTheProtocolsDigests(t *testing.T) {
	root := revision.EditTree(revision.Rev{}, false, []byte(`{"a":1}`))
	if want := revision.ID("1-66c183b8980c2066b2d6ecd701d3823bc0c1b838"); root.ID != want {
		t.Errorf("root is %s, want %s", root.ID, want)
	}
	tombstone := revision.EditTree(root, true, []byte(`{}`))
	if want := revision.ID("2-7e07bf65cccbfad496e22f57f5edfc0e010793fa"); tombstone.ID != want {
		t.Errorf("tombstone is %s, want %s", tombstone.ID, want)
	}
	if diff := cmp.Diff(ids{root.ID}, tombstone.History.Ancestors); diff != "" {
		t.Errorf("ancestors (-want +got)\n%s", diff)
	}
	if got := revision.EditTree(vector(a1), false, []byte(`{"a":1}`)); got.ID != root.ID || got.History.Ancestors != nil {
		t.Errorf("a version for a parent gives %v, want a root", got)
	}
}

func TestEditVersionMovesThePast(t *testing.T) {
	now := revision.Time(0x18a3f2c1d5ee0000)
	me := revision.NewVersion(now, alice)
	encoded := revision.ID("3-cc").Encoded()
	for name, x := range map[string]struct{ parent, want revision.Rev }{
		"new document":        {revision.Rev{}, vector(me)},
		"own":                 {vector(a1), vector(me)},
		"another's":           {vector(b1), vector(me, b1)},
		"own and another's":   {vector(b1, a1, c1), vector(me, b1, c1)},
		"newest first":        {vector(b1, encoded, "18a3f2c1d5e30000@late"), vector(me, "18a3f2c1d5e30000@late", b1, encoded)},
		"merge":               {merge(a2, ids{b2, c1}, d1), vector(me, b2, d1, c1)},
		"merge with own past": {merge(b2, ids{a1, b1}), vector(me, b2)},
		"tree":                {tree("3-cc", "2-b"), upgraded(me, "3-cc", "2-b")},
		"edit of a tree": {
			revision.Rev{ID: b1, History: revision.History{Ancestors: ids{"3-cc"}}},
			revision.Rev{ID: me, History: revision.History{Previous: ids{b1}, Ancestors: ids{"3-cc"}}},
		},
		"encoded tree":   {vector(encoded), vector(me, encoded)},
		"own, but later": {vector("18a3f2c1d5ef0000@AbCdEf0123456789+/abcA"), vector("18a3f2c1d5ef0001@AbCdEf0123456789+/abcA")},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(x.want, revision.EditVersion(x.parent, now, alice)); diff != "" {
				t.Errorf("EditVersion(%v): (-want +got)\n%s", x.parent, diff)
			}
		})
	}
}

func TestMergeVersionsCombinesBothPasts(t *testing.T) {
	now := revision.Time(0x18a3f2c1d5ee0000)
	me := revision.NewVersion(now, alice)
	encoded := revision.ID("3-cc").Encoded()
	for name, x := range map[string]struct{ local, remote, want revision.Rev }{
		"own and another's": {vector(a1), vector(b2), merge(me, ids{b2, a1})},
		"pasts":             {vector(a2, c1), vector(b1, d1), merge(me, ids{a2, b1}, d1, c1)},
		"past of each other's source": {
			vector(b1, "18a3f2c1d5e00000@vues3Jw1QbeTnRn8XBGbzw", d1), vector(c1, a1),
			merge(me, ids{b1, c1}, d1),
		},
		"merges": {merge(b2, ids{d1, b1}), vector(c1), merge(me, ids{b2, c1}, d1)},
		"legacy local": {
			tree("3-cc", "2-b"), vector(b1),
			revision.Rev{ID: me, History: revision.History{Merges: ids{b1, encoded}, Ancestors: ids{"3-cc", "2-b"}}},
		},
		"legacy remote": {
			upgraded(a1, "2-x", "1-a"), tree("3-cc", "2-b"),
			revision.Rev{ID: me, History: revision.History{Merges: ids{a1, encoded}, Ancestors: ids{"3-cc", "2-b", "1-a"}}},
		},
		"legacy both, one encoded": {
			tree("3-cc", "2-b"), upgraded(revision.ID("3-dd").Encoded(), "3-dd", "2-b"),
			revision.Rev{ID: me, History: revision.History{
				Previous: ids{revision.ID("3-dd").Encoded()}, Ancestors: ids{"3-cc", "2-b"},
			}},
		},
		"legacy both": {
			tree("3-cc", "2-b"), tree("3-x", "2-b"),
			revision.Rev{ID: me, History: revision.History{Previous: ids{encoded}, Ancestors: ids{"3-x", "2-b"}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got := revision.MergeVersions(x.local, x.remote, now, alice)
			if diff := cmp.Diff(x.want, got); diff != "" {
				t.Errorf("MergeVersions(%v, %v): (-want +got)\n%s", x.local, x.remote, diff)
			}
		})
	}
}

func TestAbsorbKeepsTheWinnersVersion(t *testing.T) {
	encoded := revision.ID("3-cc").Encoded()
	for name, x := range map[string]struct{ winner, loser, want revision.Rev }{
		"two versions":       {vector(a1), vector(b2), vector(a1, b2)},
		"pasts":              {vector(a1, c1), vector(b2, d1), vector(a1, b2, d1, c1)},
		"merge stays valid":  {merge(a2, ids{b1, c1}), vector(d1), merge(a2, ids{b1, c1}, d1)},
		"merge is outdated":  {merge(a2, ids{b1, c1}), vector(b2), vector(a2, b2, c1)},
		"loser knows winner": {vector(a2), vector(b1, a1), vector(a2, b1)},
		"legacy winner": {
			tree("3-cc", "2-b"), vector(b1),
			revision.Rev{ID: encoded, History: revision.History{Previous: ids{b1}, Ancestors: ids{"3-cc", "2-b"}}},
		},
		"legacy loser": {
			vector(b1), tree("3-cc", "2-b"),
			revision.Rev{ID: b1, History: revision.History{Previous: ids{encoded}, Ancestors: ids{"3-cc", "2-b"}}},
		},
		"encoded loser": {
			vector(a1, revision.ID("4-d").Encoded()), vector(encoded),
			vector(a1, encoded),
		},
		"legacy both": {tree("3-cc"), tree("3-x"), tree("3-cc")},
	} {
		t.Run(name, func(t *testing.T) {
			got := revision.Absorb(x.winner, x.loser)
			if diff := cmp.Diff(x.want.History.String(), got.History.String()); diff != "" || got.ID != x.want.ID {
				t.Errorf("Absorb(%v, %v) = %v, want %v", x.winner, x.loser, got, x.want)
			}
		})
	}
}

func TestCompleteKeepsTheLongerPast(t *testing.T) {
	for name, x := range map[string]struct{ incoming, local, want revision.Rev }{
		"a common ancestor": {tree("3-y", "2-b"), tree("3-x", "2-b", "1-a"), tree("3-y", "2-b", "1-a")},
		"it knows more":     {tree("3-y", "2-b", "1-a"), tree("3-x", "2-b"), tree("3-y", "2-b", "1-a")},
		"its own branch":    {tree("4-z", "3-y", "2-b"), tree("3-x", "2-b", "1-a"), tree("4-z", "3-y", "2-b", "1-a")},
		"nothing in common": {tree("2-y", "1-y"), tree("2-x", "1-x"), tree("2-y", "1-y")},
		"no past":           {tree("1-y"), tree("1-x"), tree("1-y")},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(x.want, revision.Complete(x.incoming, x.local)); diff != "" {
				t.Errorf("Complete(%v, %v): (-want +got)\n%s", x.incoming, x.local, diff)
			}
		})
	}
}

func TestJoinCompletesAncestors(t *testing.T) {
	for name, x := range map[string]struct{ incoming, local, want revision.Rev }{
		"new document":       {tree("2-b", "1-a"), revision.Rev{}, tree("2-b", "1-a")},
		"child":              {tree("4-d", "3-c"), tree("3-c", "2-b", "1-a"), tree("4-d", "3-c", "2-b", "1-a")},
		"complete already":   {tree("3-c", "2-b", "1-a"), tree("2-b", "1-a"), tree("3-c", "2-b", "1-a")},
		"more than we know":  {tree("3-c", "2-b", "1-a"), tree("2-b"), tree("3-c", "2-b", "1-a")},
		"unrelated":          {tree("2-b", "1-a"), tree("1-x"), superseding(tree("2-b", "1-a"), "1-x")},
		"another branch":     {tree("2-b", "1-a"), superseding(tree("2-x", "1-a"), "1-y"), superseding(tree("2-b", "1-a"), "2-x", "1-y")},
		"seen by local":      {vector(b1, a1), vector(a1, c1), vector(b1, a1, c1)},
		"edit of legacy":     {upgraded(a1, "3-c"), tree("3-c", "2-b"), upgraded(a1, "3-c", "2-b")},
		"edit of its edit":   {revision.Rev{ID: b1, History: revision.History{Previous: ids{a1}, Ancestors: ids{"3-c"}}}, upgraded(a1, "3-c", "2-b"), revision.Rev{ID: b1, History: revision.History{Previous: ids{a1}, Ancestors: ids{"3-c", "2-b"}}}},
		"nothing but vector": {vector(b1, a1), vector(a1), vector(b1, a1)},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(x.want, revision.Join(x.incoming, x.local)); diff != "" {
				t.Errorf("Join(%v, %v): (-want +got)\n%s", x.incoming, x.local, diff)
			}
		})
	}
}
