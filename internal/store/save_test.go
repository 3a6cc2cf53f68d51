package store_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

func trySave(db *store.DB, c *store.Collection, e store.Edit) (d *store.Document, err error) {
	err = db.Update(background, func(tx *store.Tx) error {
		d, err = tx.Save(c, e)
		return err
	})
	return d, err
}

func TestAnEditFailsUnlessTheHeadIsAsExpected(t *testing.T) {
	db := open(t, store.Options{Versioning: store.RevTrees})
	c := defaults(t, db)
	live := save(t, db, c, "live", `{}`)
	first := save(t, db, c, "deleted", `{}`)
	tomb, err := trySave(db, c, store.Edit{ID: "deleted", Deleted: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct {
		edit store.Edit
		want *fault.Error
	}{
		"new, nothing expected":         {store.Edit{ID: "new"}, nil},
		"new, something expected":       {store.Edit{ID: "new2", Parent: live.Rev.ID}, fault.Conflict},
		"live, nothing expected":        {store.Edit{ID: "live"}, fault.Conflict},
		"live, another expected":        {store.Edit{ID: "live", Parent: "1-abcd"}, fault.Conflict},
		"live, as expected":             {store.Edit{ID: "live", Parent: live.Rev.ID}, nil},
		"live, deleted by the outdated": {store.Edit{ID: "live", Parent: live.Rev.ID, Deleted: true}, fault.Conflict},
		"deleted, nothing expected":     {store.Edit{ID: "deleted"}, nil},
		"deleted, the live expected":    {store.Edit{ID: "deleted", Parent: first.Rev.ID}, fault.Conflict},
		"deleted, as expected":          {store.Edit{ID: "deleted", Parent: tomb.Rev.ID}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			err := db.Update(background, func(tx *store.Tx) error {
				if name == "live, deleted by the outdated" {
					if _, err := tx.Save(c, store.Edit{ID: "live"}); err != nil {
						return err
					}
				}
				tt.edit.FailOnConflict = true
				_, err := tx.Save(c, tt.edit)
				if tt.want == nil && err == nil {
					return errRollback
				}
				return err
			})
			if tt.want == nil && !errors.Is(err, errRollback) || tt.want != nil && !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	if _, err := trySave(db, c, store.Edit{ID: "live", Parent: "1-outdated", Body: []byte(`{"w":1}`)}); err != nil {
		t.Errorf("the last writer wins: got %v", err)
	}
	sound(t, db)
}

func TestRefusedEdits(t *testing.T) {
	db := open(t, store.Options{})
	c := defaults(t, db)
	for name, tt := range map[string]struct {
		edit store.Edit
		want *fault.Error
	}{
		"empty ID":          {store.Edit{}, fault.BadDocID},
		"underscore":        {store.Edit{ID: "_x"}, fault.BadDocID},
		"no JSON":           {store.Edit{ID: "a", Body: []byte(`{`)}, fault.BadJSON},
		"array":             {store.Edit{ID: "a", Body: []byte(`[]`)}, fault.CorruptRevision},
		"reserved key":      {store.Edit{ID: "a", Body: []byte(`{"_id":"a"}`)}, fault.Invalid},
		"too large":         {store.Edit{ID: "a", Body: make([]byte, store.MaxBody+1)}, fault.Invalid},
		"delete what isn't": {store.Edit{ID: "a", Deleted: true}, fault.NotFound},
		"blob without content": {store.Edit{ID: "a", Body: []byte(
			`{"b":{"@type":"blob","digest":"sha1-ArH2IhJgRp/90GRqSAdAfa750BE="}}`)}, fault.NotFound},
	} {
		t.Run(name, func(t *testing.T) {
			if _, err := trySave(db, c, tt.edit); !errors.Is(err, tt.want) {
				t.Errorf("got %v, want %v", err, tt.want)
			}
		})
	}
	if d := get(t, db, c, "a"); d != nil {
		t.Errorf("something was stored: %v", d)
	}
}

func TestVersionsGrowAcrossReopening(t *testing.T) {
	now := time.Now()
	path := t.TempDir() + "/x.tandem"
	var last revision.Time
	for range 3 {
		db, err := store.Open(background, path, store.Options{Now: func() time.Time { return now }})
		if err != nil {
			t.Fatal(err)
		}
		c := defaults(t, db)
		for range 3 {
			d := save(t, db, c, "a", `{}`)
			if got := d.Rev.ID.Time(); got <= last {
				t.Errorf("got time %d after %d", got, last)
			}
			last = d.Rev.ID.Time()
			if d.Rev.ID.Source() != db.Source() {
				t.Errorf("got source %s, want %s", d.Rev.ID.Source(), db.Source())
			}
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
		now = now.Add(-time.Hour) // the clock was set back
	}
}

func TestTheFeedGivesEachDocumentOnceInTheOrderOfChanges(t *testing.T) {
	db := open(t, store.Options{})
	c := defaults(t, db)
	for i := range 5 {
		save(t, db, c, fmt.Sprint("d", i), fmt.Sprintf(`{"n":%d}`, i))
	}
	save(t, db, c, "d1", `{"n":10}`)                                               // 6
	if _, err := trySave(db, c, store.Edit{ID: "d3", Deleted: true}); err != nil { // 7
		t.Fatal(err)
	}
	update(t, db, func(tx *store.Tx) error { return tx.Purge(c, "d4") })
	view(t, db, func(tx *store.Tx) error {
		list := func(docs []*store.Document, err error) (ids []string) {
			if err != nil {
				t.Error(err)
			}
			for _, d := range docs {
				if d == nil {
					ids = append(ids, "none")
					continue
				}
				ids = append(ids, fmt.Sprint(d.ID, "@", d.Sequence, " ", string(d.Body)))
			}
			return ids
		}
		same(t, list(tx.Changes(c, 0, 10, store.Select{})), "d0@1 ", "d2@3 ", "d1@6 ", "d3@7 ")
		same(t, list(tx.Changes(c, 1, 2, store.Select{WithBody: true})), `d2@3 {"n":2}`, `d1@6 {"n":10}`)
		same(t, list(tx.Changes(c, 6, 2, store.Select{LiveOnly: true})))
		same(t, list(tx.Scan(c, store.Range{}, 10, store.Select{})), "d0@1 ", "d1@6 ", "d2@3 ", "d3@7 ")
		same(t, list(tx.Scan(c, store.Range{From: "d0a"}, 1, store.Select{WithBody: true})), `d1@6 {"n":10}`)
		same(t, list(tx.BySequence(c, []store.Sequence{6, 2, 1})), `d1@6 {"n":10}`, "none", `d0@1 {"n":0}`)
		same(t, list(tx.Heads(c, []string{"d4", "d0"})), "none", "d0@1 ")
		last, err := tx.LastSequence(c)
		n, _ := tx.Count(c)
		if last != 7 || n != 3 {
			t.Errorf("got last %d, count %d", last, n)
		}
		return err
	})
	if d := save(t, db, c, "d4", `{}`); d.Sequence != 8 {
		t.Errorf("sequence %d after a purge, want 8", d.Sequence)
	}
	sound(t, db)
}

func TestPurgedSequencesAreNotUsedAgain(t *testing.T) {
	path := t.TempDir() + "/x.tandem"
	for want := store.Sequence(1); want < 4; want++ {
		db, err := store.Open(background, path, store.Options{})
		if err != nil {
			t.Fatal(err)
		}
		c := defaults(t, db)
		if d := save(t, db, c, "a", `{}`); d.Sequence != want {
			t.Errorf("got sequence %d, want %d", d.Sequence, want)
		}
		update(t, db, func(tx *store.Tx) error { return tx.Purge(c, "a") })
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

var errRollback = errors.New("rolled back by the test")

func same(t testing.TB, got []string, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
}
