package store_test

import (
	"errors"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// conflicted is a document that was pulled and then edited on both sides.
type conflicted struct {
	db     *store.DB
	c      *store.Collection
	with   store.Remote
	local  *store.Document
	theirs revision.Rev
}

func makeConflict(t *testing.T, v store.Versioning, theirsDeleted bool) conflicted {
	t.Helper()
	db := open(t, store.Options{Versioning: v})
	x := conflicted{db: db, c: defaults(t, db), with: remote(t, db, "wss://peer/db")}
	base, theirs := rev(t, "1-aa", ""), rev(t, "2-ff", "1-aa")
	if v == store.VersionVectors {
		peer := revision.SourceFrom([16]byte{9})
		base = revision.Rev{ID: revision.NewVersion(1<<50, peer)}
		theirs = revision.EditVersion(base, 1<<51, peer)
	}
	x.theirs = theirs
	in := store.Incoming{ID: "a", Rev: base, Body: []byte(`{"base":1}`), Remote: x.with}
	if _, err := receive(db, x.c, in); err != nil {
		t.Fatal(err)
	}
	x.local = save(t, db, x.c, "a", `{"base":1,"local":1}`)
	in = store.Incoming{ID: "a", Rev: theirs, Body: []byte(`{"base":1,"theirs":1}`), Remote: x.with, Deleted: theirsDeleted}
	if theirsDeleted {
		in.Body = nil
	}
	o, err := receive(db, x.c, in)
	if o != store.Conflicted || err != nil {
		t.Fatalf("got %v, %v", o, err)
	}
	return x
}

func (x conflicted) resolve(r store.Resolution) (d *store.Document, err error) {
	r.ID, r.Remote = "a", x.with
	if r.Local == "" {
		r.Local = x.local.Rev.ID
	}
	err = x.db.Update(background, func(tx *store.Tx) error {
		d, err = tx.Resolve(x.c, r)
		return err
	})
	return d, err
}

func (x conflicted) conflict() (k *store.Conflict, err error) {
	err = x.db.View(background, func(tx *store.Tx) error {
		k, err = tx.ConflictOf(x.c, "a")
		return err
	})
	return k, err
}

func TestConflictIsKeptBesideTheHead(t *testing.T) {
	for _, v := range []store.Versioning{store.VersionVectors, store.RevTrees} {
		t.Run(string(v), func(t *testing.T) {
			x := makeConflict(t, v, false)
			head := get(t, x.db, x.c, "a")
			if head.Rev.ID != x.local.Rev.ID || head.Sequence != x.local.Sequence || !head.Conflicted {
				t.Errorf("head: got %+v", head)
			}
			if got := head.Known(x.with); got != x.theirs.ID {
				t.Errorf("the remote is known to have %q, want %q", got, x.theirs.ID)
			}
			k, err := x.conflict()
			if err != nil {
				t.Fatal(err)
			}
			if k.Local.Rev.ID != x.local.Rev.ID || k.Remote.Rev.ID != x.theirs.ID || k.With != x.with ||
				string(k.Remote.Body) != `{"base":1,"theirs":1}` || string(k.Base) != `{"base":1}` {
				t.Errorf("got %+v", k)
			}
			view(t, x.db, func(tx *store.Tx) error {
				docs, err := tx.Conflicts(x.c, "", 10)
				if len(docs) != 1 || docs[0].ID != "a" {
					t.Errorf("conflicts: got %v", docs)
				}
				return err
			})
			if o, err := receive(x.db, x.c, store.Incoming{ID: "a", Rev: x.theirs, Remote: x.with}); o != store.AlreadyKnown {
				t.Errorf("the same conflict again: got %v, %v", o, err)
			}
			sound(t, x.db)
		})
	}
}

func TestTouchMakesANewRevisionOfTheSameContent(t *testing.T) {
	for _, v := range []store.Versioning{store.RevTrees, store.VersionVectors} {
		db := open(t, store.Options{Versioning: v})
		c := defaults(t, db)
		before := save(t, db, c, "a", `{"x":1}`)
		update(t, db, func(tx *store.Tx) error { return tx.Touch(c, "a", before.Rev.ID) })
		after := get(t, db, c, "a")
		if order := revision.Compare(after.Rev, before.Rev); order != revision.Newer || string(after.Body) != `{"x":1}` {
			t.Errorf("%s: touched to %v %s, %v than %v", v, after.Rev, after.Body, order, before.Rev)
		}
		update(t, db, func(tx *store.Tx) error { return tx.Touch(c, "a", before.Rev.ID) })
		if again := get(t, db, c, "a"); again.Rev.ID != after.Rev.ID {
			t.Errorf("%s: an old revision was touched", v)
		}
	}
}

func TestResolveStoresWhatWasDecided(t *testing.T) {
	const local, theirs, merge = `{"base":1,"local":1}`, `{"base":1,"theirs":1}`, `{"merged":true}`
	for name, tt := range map[string]struct {
		resolution store.Resolution
		body       string
		isRemote   bool // the remote has the outcome already
	}{
		"local":           {store.Resolution{Winner: store.LocalWins}, local, false},
		"remote":          {store.Resolution{Winner: store.RemoteWins}, theirs, true},
		"merged":          {store.Resolution{Winner: store.Merged, Body: []byte(merge)}, merge, false},
		"merged as local": {store.Resolution{Winner: store.Merged, Body: []byte(`{"local":1,"base":1}`)}, local, false},
		"merged as remote": {
			store.Resolution{Winner: store.Merged, Body: []byte(`{"theirs":1,"base":1}`)}, theirs, true,
		},
		"deleted": {store.Resolution{Winner: store.Merged, Deleted: true}, `{}`, false},
	} {
		for _, v := range []store.Versioning{store.VersionVectors, store.RevTrees} {
			t.Run(name+" "+string(v), func(t *testing.T) {
				x := makeConflict(t, v, false)
				d, err := x.resolve(tt.resolution)
				if err != nil {
					t.Fatal(err)
				}
				got := get(t, x.db, x.c, "a")
				if string(got.Body) != tt.body || got.Rev.ID != d.Rev.ID || got.Conflicted || got.Deleted != tt.resolution.Deleted {
					t.Errorf("got %s in %+v", got.Body, got)
				}
				if got.Sequence <= x.local.Sequence {
					t.Errorf("the outcome has no new sequence: %d", got.Sequence)
				}
				if !got.Rev.Contains(x.theirs.ID) {
					t.Errorf("%v does not descend from the remote's %v", got.Rev, x.theirs)
				}
				if v == store.VersionVectors && !got.Rev.Contains(x.local.Rev.ID) {
					t.Errorf("%v does not cover the local %v", got.Rev, x.local.Rev)
				}
				if known := got.Known(x.with); known != x.theirs.ID || (known == got.Rev.ID) != tt.isRemote {
					t.Errorf("the remote is known to have %q of %q", known, got.Rev.ID)
				}
				if _, err := x.conflict(); !errors.Is(err, fault.NotFound) {
					t.Errorf("the conflict is still there: %v", err)
				}
				if _, err := x.resolve(store.Resolution{Local: got.Rev.ID}); !errors.Is(err, fault.NotFound) {
					t.Errorf("a second resolution: got %v", err)
				}
				sound(t, x.db)
			})
		}
	}
}

func TestResolveRefusesWhatChanged(t *testing.T) {
	x := makeConflict(t, store.VersionVectors, true)
	if _, err := x.resolve(store.Resolution{Theirs: "1-other"}); !errors.Is(err, fault.Conflict) {
		t.Errorf("another remote revision: got %v", err)
	}
	save(t, x.db, x.c, "a", `{"meanwhile":1}`)
	if _, err := x.resolve(store.Resolution{Winner: store.RemoteWins}); !errors.Is(err, fault.Conflict) {
		t.Errorf("an edit meanwhile: got %v", err)
	}
	k, err := x.conflict()
	if err != nil || string(k.Local.Body) != `{"meanwhile":1}` || !k.Remote.Deleted {
		t.Errorf("got %+v, %v", k, err)
	}
	d, err := x.resolve(store.Resolution{Local: k.Local.Rev.ID, Winner: store.RemoteWins})
	if err != nil || !d.Deleted {
		t.Errorf("got %+v, %v", d, err)
	}
	sound(t, x.db)
}

func TestConflictEndsByItself(t *testing.T) {
	t.Run("the remote took ours", func(t *testing.T) {
		x := makeConflict(t, store.VersionVectors, false)
		merged := revision.Absorb(x.local.Rev, x.theirs)
		o, err := receive(x.db, x.c, store.Incoming{ID: "a", Rev: merged, Body: x.local.Body, Remote: x.with})
		if o != store.AlreadyKnown || err != nil {
			t.Errorf("got %v, %v", o, err)
		}
		x.isOver(t)
	})
	t.Run("the remote merged", func(t *testing.T) {
		x := makeConflict(t, store.VersionVectors, false)
		merged := revision.MergeVersions(x.theirs, x.local.Rev, 1<<52, revision.SourceFrom([16]byte{9}))
		o, err := receive(x.db, x.c, store.Incoming{ID: "a", Rev: merged, Body: []byte(`{}`), Remote: x.with})
		if o != store.Stored || err != nil {
			t.Errorf("got %v, %v", o, err)
		}
		x.isOver(t)
	})
	t.Run("another remote merged", func(t *testing.T) {
		x := makeConflict(t, store.VersionVectors, false)
		merged := revision.MergeVersions(x.theirs, x.local.Rev, 1<<52, revision.SourceFrom([16]byte{7}))
		if _, err := receive(x.db, x.c, store.Incoming{ID: "a", Rev: merged}); err != nil {
			t.Error(err)
		}
		x.isOver(t)
	})
	t.Run("purged", func(t *testing.T) {
		x := makeConflict(t, store.RevTrees, false)
		update(t, x.db, func(tx *store.Tx) error { return tx.Purge(x.c, "a") })
		x.isOver(t)
	})
}

func (x conflicted) isOver(t *testing.T) {
	t.Helper()
	if _, err := x.conflict(); !errors.Is(err, fault.NotFound) {
		t.Errorf("the conflict is still there: %v", err)
	}
	sound(t, x.db)
}

func TestConflictsWithTwoRemotesAreSettledOneByOne(t *testing.T) {
	x := makeConflict(t, store.RevTrees, false)
	second := remote(t, x.db, "wss://second/db")
	other := store.Incoming{ID: "a", Rev: rev(t, "2-ee", "1-aa"), Body: []byte(`{"second":1}`), Remote: second}
	if o, err := receive(x.db, x.c, other); o != store.Conflicted || err != nil {
		t.Fatalf("got %v, %v", o, err)
	}
	d, err := x.resolve(store.Resolution{Winner: store.LocalWins})
	if err != nil {
		t.Fatal(err)
	}
	k, err := x.conflict()
	if err != nil || k.With != second || k.Local.Rev.ID != d.Rev.ID {
		t.Errorf("got %+v, %v", k, err)
	}
	sound(t, x.db)
}

// Of equal merges the later one stays, and its history covers the other.
func TestEqualMergesAreNoConflict(t *testing.T) {
	for name, later := range map[string]bool{"theirs is later": true, "theirs is earlier": false} {
		t.Run(name, func(t *testing.T) {
			x := makeConflict(t, store.VersionVectors, false)
			body := []byte(`{"merged":1}`)
			ours, err := x.resolve(store.Resolution{Winner: store.Merged, Body: body})
			if err != nil {
				t.Fatal(err)
			}
			at := revision.Time(1 << 52)
			if later {
				at = ours.Rev.ID.Time() + 1<<16
			}
			theirs := revision.MergeVersions(x.theirs, x.local.Rev, at, revision.SourceFrom([16]byte{9}))
			o, err := receive(x.db, x.c, store.Incoming{ID: "a", Rev: theirs, Body: []byte(`{"merged": 1}`), Remote: x.with})
			if o != store.Stored || err != nil {
				t.Errorf("got %v, %v", o, err)
			}
			stays, goes := ours.Rev.ID, theirs.ID
			if later {
				stays, goes = goes, stays
			}
			got := get(t, x.db, x.c, "a")
			if got.Rev.ID != stays || !got.Rev.Contains(goes) || got.Conflicted || got.Known(x.with) != theirs.ID {
				t.Errorf("got %v, known %s, want %s that has seen %s", got.Rev, got.Known(x.with), stays, goes)
			}
			sound(t, x.db)
		})
	}
}

// A revision that the remote has acquired later is no base of one that it sent before.
func TestABaseIsAnAncestorOfBoth(t *testing.T) {
	for _, v := range []store.Versioning{store.VersionVectors, store.RevTrees} {
		t.Run(string(v), func(t *testing.T) {
			x := makeConflict(t, v, false)
			d, err := x.resolve(store.Resolution{Winner: store.Merged, Body: []byte(`{"merged":1}`)})
			if err != nil {
				t.Fatal(err)
			}
			update(t, x.db, func(tx *store.Tx) error { return tx.MarkKnown(x.c, "a", x.with, d.Rev.ID) })
			late := revision.EditVersion(x.theirs, 1<<52, revision.SourceFrom([16]byte{9}))
			if v == store.RevTrees {
				late = revision.EditTree(x.theirs, false, []byte(`{"late":1}`))
			}
			in := store.Incoming{ID: "a", Rev: late, Body: []byte(`{"late":1}`), Remote: x.with}
			if o, err := receive(x.db, x.c, in); o != store.Conflicted || err != nil {
				t.Fatalf("got %v, %v", o, err)
			}
			if k, err := x.conflict(); err != nil || k.Base != nil {
				t.Errorf("the base is %s (%v), want none", k.Base, err)
			}
		})
	}
}

func TestSecondConflictKeepsTheBase(t *testing.T) {
	x := makeConflict(t, store.VersionVectors, false)
	later := revision.EditVersion(x.theirs, 1<<52, revision.SourceFrom([16]byte{9}))
	in := store.Incoming{ID: "a", Rev: later, Body: []byte(`{"theirs":2}`), Remote: x.with}
	if o, err := receive(x.db, x.c, in); o != store.Conflicted || err != nil {
		t.Fatalf("got %v, %v", o, err)
	}
	k, err := x.conflict()
	if err != nil || k.Remote.Rev.ID != later.ID || string(k.Remote.Body) != `{"theirs":2}` || string(k.Base) != `{"base":1}` {
		t.Errorf("got %+v, %v", k, err)
	}
	sound(t, x.db)
}
