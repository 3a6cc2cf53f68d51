package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// family returns named revisions of one document: two lines of edits from one base, a document
// created again and, with versions, a merge of the lines.
func family(v store.Versioning) map[string]revision.Rev {
	f := map[string]revision.Rev{}
	clock := revision.Time(1 << 50)
	edit := func(name, parent string, author byte) {
		clock += 1 << 16
		if v == store.RevTrees {
			f[name] = revision.EditTree(f[parent], false, []byte(name))
		} else {
			f[name] = revision.EditVersion(f[parent], clock, revision.SourceFrom([16]byte{author}))
		}
	}
	edit("base", "", 1)
	edit("left", "base", 2)
	edit("left2", "left", 2)
	edit("right", "base", 3)
	edit("right2", "right", 3)
	edit("right3", "right2", 3)
	edit("anew", "", 4)
	if v == store.VersionVectors {
		f["merge"] = revision.MergeVersions(f["left"], f["right"], clock+1<<16, revision.SourceFrom([16]byte{5}))
	}
	return f
}

// arrival is a revision of a family that a peer sends, and the expected result.
type arrival struct {
	rev     string
	from    string // a peer's URL; "" for a client of a listener
	deleted bool
	refuse  bool

	want     store.Outcome
	wantErr  *fault.Error
	head     string // "" for rev itself
	conflict string // the revision kept beside the head; "" for none
}

// TestWhichRevisionReplacesWhich sends the revisions of a document in many orders.
func TestWhichRevisionReplacesWhich(t *testing.T) {
	const peer, other = "wss://peer/db", "wss://other/db"
	first := arrival{rev: "base", from: peer}
	left := arrival{rev: "left", from: other}
	conflict := arrival{rev: "right", from: peer, want: store.Conflicted, head: "left", conflict: "right"}
	known := func(rev, head string) arrival {
		return arrival{rev: rev, from: peer, want: store.AlreadyKnown, head: head}
	}
	for name, arrivals := range map[string][]arrival{
		"the same again":               {first, known("base", "base")},
		"the same from another":        {first, {rev: "base", from: other, want: store.AlreadyKnown}},
		"the same from a client":       {first, {rev: "base", want: store.AlreadyKnown}},
		"a child":                      {first, {rev: "right", from: peer}},
		"a child from another":         {first, left},
		"a child from a client":        {first, {rev: "left"}},
		"a grandchild":                 {first, {rev: "right2", from: peer}},
		"a parent":                     {{rev: "right", from: peer}, known("base", "right")},
		"an old ancestor":              {{rev: "right3", from: peer}, known("base", "right3")},
		"a deletion":                   {first, {rev: "right", from: peer, deleted: true}},
		"an edit of a tombstone":       {first, {rev: "right", from: peer, deleted: true}, {rev: "right2", from: peer}},
		"the tombstone's parent":       {{rev: "right", from: peer, deleted: true}, known("base", "right")},
		"a sibling":                    {first, left, conflict},
		"a sibling from a client":      {first, left, {rev: "right", wantErr: fault.Conflict, head: "left"}},
		"a sibling that is not wanted": {first, left, {rev: "right", from: peer, refuse: true, wantErr: fault.Conflict, head: "left"}},
		"a conflict with the base gone": {
			{rev: "left2", from: other},
			{rev: "right2", from: peer, want: store.Conflicted, head: "left2", conflict: "right2"},
		},
		"a conflict again": {
			left,
			conflict,
			{rev: "right", from: peer, want: store.AlreadyKnown, head: "left", conflict: "right"},
		},
		"a conflict that goes on": {
			left,
			conflict,
			{rev: "right2", from: peer, want: store.Conflicted, head: "left", conflict: "right2"},
		},
		"an older one of a conflict": {
			left,
			{rev: "right2", from: peer, want: store.Conflicted, head: "left", conflict: "right2"},
			{rev: "right", from: peer, want: store.AlreadyKnown, head: "left", conflict: "right2"},
		},
		"the head goes on in a conflict": {left, conflict, {rev: "left2", from: other, conflict: "right"}},
		"a deletion in conflict": {
			left,
			{rev: "right", from: peer, deleted: true, want: store.Conflicted, head: "left", conflict: "right"},
		},
		"anew over the peer's tombstone": {{rev: "base", from: peer, deleted: true}, {rev: "anew", from: peer}},
		"anew over another's tombstone": {
			{rev: "base", from: other, deleted: true},
			{rev: "anew", from: peer, want: store.Conflicted, head: "base", conflict: "anew"},
		},
		"anew over what lives":      {first, {rev: "anew", from: peer, want: store.Conflicted, head: "base", conflict: "anew"}},
		"a merge of both":           {left, conflict, {rev: "merge", from: peer}},
		"a merge from a client":     {left, conflict, {rev: "merge"}},
		"a side of a merge":         {{rev: "merge", from: other}, known("right", "merge")},
		"the other side of a merge": {{rev: "merge", from: other}, known("left", "merge")},
		"what a merge has not seen": {
			{rev: "merge", from: other},
			{rev: "right2", from: peer, want: store.Conflicted, head: "merge", conflict: "right2"},
		},
	} {
		for _, v := range bothVersionings {
			t.Run(string(v)+"/"+name, func(t *testing.T) {
				t.Parallel()
				revs := family(v)
				if slices.ContainsFunc(arrivals, func(a arrival) bool { return revs[a.rev].IsZero() }) {
					t.Skip("trees have no merges")
				}
				play(t, v, revs, arrivals)
			})
		}
	}
}

// play receives arrivals and compares the document with the expected result of each.
func play(t *testing.T, v store.Versioning, revs map[string]revision.Rev, arrivals []arrival) {
	t.Helper()
	db := open(t, store.Options{Versioning: v})
	c := defaults(t, db)
	deleted := map[string]bool{}
	has := map[string]string{} // by sender
	sequence := store.Sequence(0)
	for i, a := range arrivals {
		in := store.Incoming{ID: "a", Rev: revs[a.rev], Deleted: a.deleted, Body: familyBody(a.rev), RefuseConflict: a.refuse}
		deleted[a.rev] = deleted[a.rev] || a.deleted
		if a.from != "" {
			in.Remote = remote(t, db, a.from)
		}
		got, err := receive(db, c, in)
		if a.wantErr != nil && !errors.Is(err, a.wantErr) || a.wantErr == nil && (err != nil || got != a.want) {
			t.Fatalf("arrival %d, %s: got %v, %v, want %v, %v", i, a.rev, got, err, a.want, a.wantErr)
		}
		if err == nil && got == store.Stored {
			sequence++
		}
		head := a.head
		if head == "" {
			head = a.rev
		}
		d := get(t, db, c, "a")
		if d.Rev.ID != revs[head].ID || string(d.Body) != string(familyBody(head)) || d.Deleted != deleted[head] {
			t.Errorf("arrival %d, %s: the head is %s %s, want %s", i, a.rev, d.Rev.ID, d.Body, head)
		}
		if d.Sequence != sequence {
			t.Errorf("arrival %d, %s: sequence %d, want %d", i, a.rev, d.Sequence, sequence)
		}
		if in.Remote != 0 && err == nil {
			if was := has[a.from]; was == "" || !revs[was].Contains(in.Rev.ID) {
				has[a.from] = a.rev
			}
			if got, want := d.Known(in.Remote), revs[has[a.from]].ID; got != want {
				t.Errorf("arrival %d, %s: the sender is known to have %q, want %q", i, a.rev, got, want)
			}
		}
		checkKept(t, db, c, revs[a.conflict].ID, deleted[a.conflict])
	}
	sound(t, db)
}

func familyBody(name string) []byte { return fmt.Appendf(nil, `{"is":%q}`, name) }

// checkKept checks that the document is in conflict with a revision, or not at all if it is empty.
func checkKept(t *testing.T, db *store.DB, c *store.Collection, want revision.ID, deleted bool) {
	t.Helper()
	view(t, db, func(tx *store.Tx) error {
		k, err := tx.ConflictOf(c, "a")
		listed, listErr := tx.Conflicts(c, "", 10)
		if want == "" {
			if !errors.Is(err, fault.NotFound) || len(listed) > 0 {
				t.Errorf("got conflict %+v, %v, list %v, want none", k, err, listed)
			}
			return listErr
		}
		if err != nil || k.Remote.Rev.ID != want || k.Remote.Deleted != deleted || len(listed) != 1 {
			t.Errorf("got conflict %+v, %v, list %v, want %s", k, err, listed, want)
		}
		return listErr
	})
}
