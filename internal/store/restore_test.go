package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// restored returns a head as an export has it.
func restored(d *store.Document) store.Restored {
	return store.Restored{ID: d.ID, Body: d.Body, Deleted: d.Deleted, Rev: d.Rev, Sequence: d.Sequence}
}

func heads(t *testing.T, db *store.DB) (all []string) {
	t.Helper()
	view(t, db, func(tx *store.Tx) error {
		docs, err := tx.Changes(defaults(t, db), 0, 100, store.Select{WithBody: true})
		for _, d := range docs {
			all = append(all, fmt.Sprintf("%d %s %s %s %t %s", d.Sequence, d.ID, d.Rev.ID, d.Rev.History, d.Deleted, d.Body))
		}
		return err
	})
	return all
}

// A restored database has the revisions, histories, tombstones and sequences of the original.
func TestRestoredDocumentsAreWhatTheyWere(t *testing.T) {
	for _, v := range []store.Versioning{store.VersionVectors, store.RevTrees} {
		t.Run(string(v), func(t *testing.T) {
			from := open(t, store.Options{Versioning: v})
			c := defaults(t, from)
			for _, id := range []string{"c", "a", "b", "a", "c", "d"} {
				save(t, from, c, id, fmt.Sprintf(`{"of":%q}`, id))
			}
			if _, err := trySave(from, c, store.Edit{ID: "b", Deleted: true}); err != nil {
				t.Fatal(err)
			}
			to := open(t, store.Options{Versioning: v})
			restore := func() (changed int) {
				update(t, to, func(tx *store.Tx) error {
					for _, id := range []string{"a", "b", "c", "d"} {
						moved, err := tx.Restore(defaults(t, to), restored(get(t, from, c, id)))
						if err != nil {
							return err
						}
						if moved {
							changed++
						}
					}
					return nil
				})
				return changed
			}
			if changed := restore(); changed != 4 {
				t.Errorf("%d documents were restored, want 4", changed)
			}
			if diff := cmp.Diff(heads(t, from), heads(t, to)); diff != "" {
				t.Errorf("restored (-want +got):\n%s", diff)
			}
			if changed := restore(); changed != 0 {
				t.Errorf("restoring again changed %d documents", changed)
			}
			if next := save(t, to, defaults(t, to), "e", `{}`); next.Sequence != 8 {
				t.Errorf("the next sequence is %d, want 8", next.Sequence)
			}
			if problems, err := to.Check(background); err != nil || len(problems) > 0 {
				t.Errorf("check: %v, %v", problems, err)
			}
		})
	}
}

func TestRestoreRefusesWhatCannotBe(t *testing.T) {
	version, err := revision.ParseStored("17f3a5c2e0000000@bm90ZXMK", "")
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		versioning store.Versioning
		restored   store.Restored
		want       error
	}{
		"a version among trees":  {store.RevTrees, store.Restored{ID: "x", Rev: version}, fault.BadRevisionID},
		"a reserved key":         {store.RevTrees, store.Restored{ID: "x", Body: []byte(`{"_x":1}`)}, fault.Invalid},
		"an ID":                  {store.RevTrees, store.Restored{ID: "_x"}, fault.BadDocID},
		"a sequence that is out": {store.RevTrees, store.Restored{ID: "x", Sequence: 1}, fault.Invalid},
		"a sequence of the end":  {store.RevTrees, store.Restored{ID: "x", Sequence: 1<<53 + 1}, fault.Invalid},
	} {
		t.Run(name, func(t *testing.T) {
			db := open(t, store.Options{Versioning: c.versioning})
			coll := defaults(t, db)
			save(t, db, coll, "here", `{}`)
			before := heads(t, db)
			err := db.Update(background, func(tx *store.Tx) error {
				_, err := tx.Restore(coll, c.restored)
				return err
			})
			if !errors.Is(err, c.want) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if after := heads(t, db); !slices.Equal(after, before) {
				t.Errorf("left %v, want %v", after, before)
			}
			if next := save(t, db, coll, "next", `{}`); next.Sequence != 2 {
				t.Errorf("the next sequence is %d, want 2", next.Sequence)
			}
		})
	}
}

func TestAbsentBlobsAreThoseThatDocumentsReferTo(t *testing.T) {
	const digest = "sha1-Kq5sNclPz7QV2+lfQIuc6R7oRu0="
	db := open(t, store.Options{})
	c := defaults(t, db)
	want := func(when string, want ...string) {
		t.Helper()
		if got, err := db.AbsentBlobs(background); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v (%v), want %v", when, got, err, want)
		}
	}
	want("at first")
	update(t, db, func(tx *store.Tx) error {
		_, err := tx.Restore(c, store.Restored{ID: "a", Body: []byte(`{"p":{"@type":"blob","digest":"` + digest + `"}}`)})
		return err
	})
	want("with a document", digest)
	save(t, db, c, "a", `{}`)
	want("without")
}
