package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// rev parses a revision from the properties of a rev message.
func rev(t testing.TB, id, history string) revision.Rev {
	t.Helper()
	r, err := revision.ParseRev(id, history)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func receive(db *store.DB, c *store.Collection, in store.Incoming) (o store.Outcome, err error) {
	err = db.Update(background, func(tx *store.Tx) error {
		o, err = tx.Receive(c, in)
		return err
	})
	return o, err
}

// remote returns the number of a remote.
func remote(t testing.TB, db *store.DB, url string) (r store.Remote) {
	t.Helper()
	update(t, db, func(tx *store.Tx) (err error) {
		r, err = tx.RemoteFor(url)
		return err
	})
	return r
}

// A revision that has seen a later encoded tree ID than the local one is stored when a client pushes it: the
// client sees no conflict, and would push it again after each refusal. When it is pulled, it is a conflict.
func TestAPushOverALaterEncodedTreeIDIsTaken(t *testing.T) {
	local, theirs := rev(t, "2bb00000000@Revision+Tree+Encoding", ""),
		rev(t, "18a3f2c1d5e10000@AbCdEf0123456789+/abcA", "3cc00000000@Revision+Tree+Encoding")
	for name, x := range map[string]struct {
		first, then revision.Rev
		pulls       bool
		want        store.Outcome
		refused     bool
	}{
		"pushed":           {local, theirs, false, store.Stored, false},
		"pulled":           {local, theirs, true, store.Conflicted, false},
		"the other way on": {rev(t, "4dd00000000@Revision+Tree+Encoding", ""), theirs, false, 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t, store.Options{})
			c := defaults(t, db)
			in := store.Incoming{ID: "a", Rev: x.first, Body: []byte(`{"n":1}`)}
			if _, err := receive(db, c, in); err != nil {
				t.Fatal(err)
			}
			in.Rev, in.Body = x.then, []byte(`{"n":2}`)
			if x.pulls {
				in.Remote = remote(t, db, "ws://peer/db")
			}
			got, err := receive(db, c, in)
			if got != x.want || errors.Is(err, fault.Conflict) != x.refused {
				t.Errorf("got %v, %v, want %v, refused %t", got, err, x.want, x.refused)
			}
			sound(t, db)
		})
	}
}

// A push's answer may be noted after a pull has brought a later revision.
func TestMarkTakenKeepsWhatIsNewer(t *testing.T) {
	pushed, pulled := rev(t, "1-aa", ""), rev(t, "2-bb", "1-aa")
	for name, x := range map[string]struct {
		pulled       bool
		taken        revision.Rev
		before, want revision.ID
	}{
		"nothing was known":        {taken: pushed, want: "1-aa"},
		"the pull was first":       {pulled: true, taken: pushed, want: "2-bb"},
		"it is what was known":     {pulled: true, taken: pulled, before: "2-bb", want: "2-bb"},
		"newer than the pulled":    {pulled: true, taken: rev(t, "3-cc", "2-bb,1-aa"), before: "1-aa", want: "3-cc"},
		"in place of what is gone": {pulled: true, taken: rev(t, "1-dd", ""), before: "2-bb", want: "1-dd"},
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t, store.Options{Versioning: store.RevTrees})
			c, peer := defaults(t, db), remote(t, db, "ws://peer/db")
			in := store.Incoming{ID: "a", Rev: pushed, Body: []byte(`{}`)}
			if x.pulled {
				in.Rev, in.Remote = pulled, peer
			}
			if _, err := receive(db, c, in); err != nil {
				t.Fatal(err)
			}
			update(t, db, func(tx *store.Tx) error { return tx.MarkTaken(c, "a", peer, x.taken, x.before) })
			if got := get(t, db, c, "a").Known(peer); got != x.want {
				t.Errorf("the peer is known to have %s, want %s", got, x.want)
			}
		})
	}
}

func TestReceiveDecides(t *testing.T) {
	type step struct {
		rev, history string
		deleted      bool
		want         store.Outcome
		wantErr      *fault.Error
	}
	for name, steps := range map[string][]step{
		"new document":            {{rev: "1-aa"}},
		"new tombstone":           {{rev: "2-bb", history: "1-aa", deleted: true}},
		"same again":              {{rev: "1-aa"}, {rev: "1-aa", want: store.AlreadyKnown}},
		"newer":                   {{rev: "1-aa"}, {rev: "3-cc", history: "2-bb,1-aa"}},
		"older":                   {{rev: "2-bb", history: "1-aa"}, {rev: "1-aa", want: store.AlreadyKnown}},
		"conflict":                {{rev: "1-aa"}, {rev: "1-bb", wantErr: fault.Conflict}},
		"over a tombstone":        {{rev: "1-aa", deleted: true}, {rev: "2-bb", history: "1-aa"}},
		"anew over a tombstone":   {{rev: "1-aa", deleted: true}, {rev: "1-bb", wantErr: fault.Conflict}},
		"edited beside tombstone": {{rev: "2-aa", history: "1-aa", deleted: true}, {rev: "2-bb", history: "1-aa", wantErr: fault.Conflict}},
		"no revision":             {{wantErr: fault.BadRevisionID}},
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t, store.Options{Versioning: store.RevTrees})
			c := defaults(t, db)
			for i, s := range steps {
				in := store.Incoming{ID: "a", Deleted: s.deleted, Body: []byte(`{"x":1}`)}
				if s.rev != "" {
					in.Rev = rev(t, s.rev, s.history)
				}
				got, err := receive(db, c, in)
				if s.wantErr != nil {
					if !errors.Is(err, s.wantErr) {
						t.Errorf("step %d: got error %v, want %v", i, err, s.wantErr)
					}
				} else if err != nil || got != s.want {
					t.Errorf("step %d: got %v, %v, want %v", i, got, err, s.want)
				}
			}
			sound(t, db)
		})
	}
}

func TestReceiveRefuses(t *testing.T) {
	trees := open(t, store.Options{Versioning: store.RevTrees})
	vectors := open(t, store.Options{})
	me := vectors.Source()
	future := revision.NewVersion(revision.Time(time.Now().Add(3*time.Minute).UnixNano()), me)
	for name, tt := range map[string]struct {
		db   *store.DB
		in   store.Incoming
		want *fault.Error
	}{
		"version in a tree database": {trees, store.Incoming{ID: "a", Rev: revision.Rev{ID: revision.NewVersion(1<<50, me)}}, fault.BadRevisionID},
		"version from the future":    {vectors, store.Incoming{ID: "a", Rev: revision.Rev{ID: future}}, fault.BadRevisionID},
		"bad ID":                     {vectors, store.Incoming{ID: "_a", Rev: rev(t, "1-aa", "")}, fault.BadDocID},
		"too large":                  {vectors, store.Incoming{ID: "a", Rev: rev(t, "1-aa", ""), Body: make([]byte, store.MaxBody+1)}, fault.Invalid},
		"blob missing": {vectors, store.Incoming{ID: "a", Rev: rev(t, "1-aa", ""), Body: []byte(
			`{"b":{"\u0040type":"blob","digest":"sha1-ArH2IhJgRp/90GRqSAdAfa750BE="}}`)}, fault.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := receive(tt.db, defaults(t, tt.db), tt.in); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
}

func TestReceiveRaisesTheClock(t *testing.T) {
	now := time.Now()
	db := open(t, store.Options{Now: func() time.Time { return now }})
	c := defaults(t, db)
	ahead := revision.NewVersion(revision.Time(now.Add(time.Minute).UnixNano()), revision.SourceFrom([16]byte{1}))
	if _, err := receive(db, c, store.Incoming{ID: "a", Rev: revision.Rev{ID: ahead}, Remote: 1}); err != nil {
		t.Fatal(err)
	}
	if d := save(t, db, c, "b", `{}`); d.Rev.ID.Time() <= ahead.Time() {
		t.Errorf("got time %d, not after %d", d.Rev.ID.Time(), ahead.Time())
	}
}

func TestWhatRemotesHaveIsKnown(t *testing.T) {
	db := open(t, store.Options{Versioning: store.RevTrees})
	c := defaults(t, db)
	one, two := remote(t, db, "wss://one/db"), remote(t, db, "wss://two/db")
	if again := remote(t, db, "wss://one/db"); again != one || one == two || one == 0 {
		t.Fatalf("remotes: got %d, %d, then %d", one, two, again)
	}
	pulled := rev(t, "1-aa", "")
	if _, err := receive(db, c, store.Incoming{ID: "a", Rev: pulled, Body: []byte(`{"n":1}`), Remote: one}); err != nil {
		t.Fatal(err)
	}
	knows := func(want1, want2 revision.ID) {
		t.Helper()
		d := get(t, db, c, "a")
		if got1, got2 := d.Known(one), d.Known(two); got1 != want1 || got2 != want2 {
			t.Errorf("known: got %q and %q, want %q and %q", got1, got2, want1, want2)
		}
	}
	body := func(id revision.ID) (text string) {
		view(t, db, func(tx *store.Tx) error {
			b, err := tx.BodyOf(c, "a", id)
			if errors.Is(err, fault.NotFound) {
				return nil
			}
			text = string(b)
			return err
		})
		return text
	}
	knows(pulled.ID, "")
	edited := save(t, db, c, "a", `{"n":2}`)
	knows(pulled.ID, "")
	if got := body(pulled.ID); got != `{"n":1}` {
		t.Errorf("the base of a delta to the remote: got %q", got)
	}
	if got := body(edited.Rev.ID); got != `{"n":2}` {
		t.Errorf("body of the head: got %q", got)
	}
	update(t, db, func(tx *store.Tx) error { return tx.MarkKnown(c, "a", two, edited.Rev.ID) })
	knows(pulled.ID, edited.Rev.ID)
	update(t, db, func(tx *store.Tx) error { return tx.MarkKnown(c, "a", one, edited.Rev.ID) })
	knows(edited.Rev.ID, edited.Rev.ID)
	if got := body(pulled.ID); got != "" {
		t.Errorf("a base that no remote has any more is kept: %q", got)
	}
	if got := get(t, db, c, "a").Sequence; got != 2 {
		t.Errorf("marking changed the sequence to %d", got)
	}
	if o, err := receive(db, c, store.Incoming{ID: "a", Rev: pulled, Remote: one}); o != store.AlreadyKnown || err != nil {
		t.Errorf("old news: got %v, %v", o, err)
	}
	knows(edited.Rev.ID, edited.Rev.ID)
	update(t, db, func(tx *store.Tx) error { return tx.MarkKnown(c, "gone", one, "1-aa") })
	sound(t, db)
}

func TestTheLastBodyIsKeptAsABaseWhenAskedFor(t *testing.T) {
	db := open(t, store.Options{})
	c := defaults(t, db)
	kept := func(d *store.Document) bool {
		err := db.View(background, func(tx *store.Tx) error {
			_, err := tx.BodyOf(c, d.ID, d.Rev.ID)
			return err
		})
		return err == nil
	}
	first := save(t, db, c, "a", `{"n":1}`)
	second := save(t, db, c, "a", `{"n":2}`)
	if kept(first) {
		t.Error("a body is kept that nobody wants")
	}
	if err := db.KeepBases(background, true); err != nil {
		t.Fatal(err)
	}
	third := save(t, db, c, "a", `{"n":3}`)
	if !kept(second) {
		t.Error("the last body is not kept")
	}
	save(t, db, c, "a", `{"n":4}`)
	if kept(second) || !kept(third) {
		t.Error("not the last body alone is kept")
	}
	sound(t, db)
}

// A peer cannot use up the generations, which would leave none for later edits.
func TestReceivedGenerationsLeaveRoomForEdits(t *testing.T) {
	db := open(t, store.Options{Versioning: store.RevTrees})
	c := defaults(t, db)
	for _, step := range []struct {
		doc, rev, history string
		want              error
	}{
		{"a", "4294967295-aa", "", fault.BadRevisionID},
		{"a", "3221225470-aa", "", fault.BadRevisionID},
		{"b", "3221225469-aa", "", nil},
		{"a", "1-aa", "", nil},
		{"a", "2147483648-aa", "", fault.BadRevisionID},
		{"a", "2147483647-bb", "", fault.Conflict},
		{"b", "3221225470-bb", "3221225469-aa", nil},
		{"b", "3221235471-cc", "", fault.BadRevisionID},
		{"b", "3221225471-cc", "3221225470-bb", nil},
	} {
		if _, err := receive(db, c, store.Incoming{ID: step.doc, Rev: rev(t, step.rev, step.history)}); !errors.Is(err, step.want) {
			t.Errorf("%s of %q: got %v, want %v", step.rev, step.doc, err, step.want)
		}
	}
	if got := save(t, db, c, "b", `{"n":2}`); got.Rev.ID.Generation() != 3221225472 || get(t, db, c, "b").Rev.ID != got.Rev.ID {
		t.Errorf("an edit later: %v", got.Rev)
	}
	sound(t, db)
}
