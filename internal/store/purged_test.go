package store_test

import (
	"errors"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// TestADocumentMadeAnewIsLater removes documents in each way while the clock is ahead, and creates
// them again when it is right: peers may still have the old ones.
func TestADocumentMadeAnewIsLater(t *testing.T) {
	for name, tt := range map[string]struct {
		remove func(t *testing.T, db *store.DB, c *store.Collection)
		reopen bool
	}{
		"purged":                 {remove: purgeDoc},
		"purged, then reopened":  {remove: purgeDoc, reopen: true},
		"expired":                {remove: expireDoc},
		"deleted and purged":     {remove: deleteAndPurge},
		"in conflict and purged": {remove: conflictAndPurge},
		"with its collection":    {remove: deleteItems},
		"collection, reopened":   {remove: deleteItems, reopen: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			wall := newWallClock()
			db := open(t, store.Options{Now: wall.now})
			c, err := db.CreateCollection(background, "shop", "items")
			if err != nil {
				t.Fatal(err)
			}
			wall.add(5 * years)
			old := save(t, db, c, "a", `{"n":1}`).Rev
			tt.remove(t, db, c)
			if tt.reopen {
				if err := db.Close(); err != nil {
					t.Fatal(err)
				}
			}
			wall.add(-5 * years)
			if tt.reopen {
				db = openAt(t, db.Path(), store.Options{Now: wall.now})
			}
			if c, err = db.CreateCollection(background, "shop", "items"); err != nil {
				t.Fatal(err)
			}
			again := save(t, db, c, "a", `{"n":2}`).Rev
			if again.ID.Time() <= old.ID.Time() {
				t.Errorf("got version %s anew, had %s", again.ID, old.ID)
			}
			sound(t, db)
		})
	}
}

func purgeDoc(t *testing.T, db *store.DB, c *store.Collection) {
	update(t, db, func(tx *store.Tx) error { return tx.Purge(c, "a") })
}

// expireDoc sets an expiry that the next save finds in the past.
func expireDoc(t *testing.T, db *store.DB, c *store.Collection) {
	update(t, db, func(tx *store.Tx) error { return tx.SetExpiry(c, "a", tx.Now().Add(-10*years)) })
}

func deleteAndPurge(t *testing.T, db *store.DB, c *store.Collection) {
	if _, err := trySave(db, c, store.Edit{ID: "a", Deleted: true}); err != nil {
		t.Fatal(err)
	}
	purgeDoc(t, db, c)
}

// conflictAndPurge purges a document with a conflict.
func conflictAndPurge(t *testing.T, db *store.DB, c *store.Collection) {
	theirs := revision.Rev{ID: revision.NewVersion(1<<50, revision.SourceFrom([16]byte{9}))}
	in := store.Incoming{ID: "a", Rev: theirs, Body: []byte(`{}`), Remote: remote(t, db, "wss://peer/db")}
	if o, err := receive(db, c, in); o != store.Conflicted || err != nil {
		t.Fatalf("got %v, %v", o, err)
	}
	purgeDoc(t, db, c)
}

func deleteItems(t *testing.T, db *store.DB, c *store.Collection) {
	if err := db.DeleteCollection(background, c.Scope(), c.Name()); err != nil {
		t.Fatal(err)
	}
}

// TestPurgesAreNotedByCollection checks that a purge affects neither other IDs nor other
// collections.
func TestPurgesAreNotedByCollection(t *testing.T) {
	t.Parallel()
	wall := newWallClock()
	db := open(t, store.Options{Now: wall.now})
	c := defaults(t, db)
	items, err := db.CreateCollection(background, "shop", "items")
	if err != nil {
		t.Fatal(err)
	}
	wall.add(5 * years)
	save(t, db, c, "a", `{}`)
	purgeDoc(t, db, c)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	wall.add(-5 * years)
	db = openAt(t, db.Path(), store.Options{Now: wall.now})
	for _, tt := range []struct {
		c  *store.Collection
		id string
	}{{c, "b"}, {items, "a"}} {
		got := save(t, db, tt.c, tt.id, `{}`).Rev.ID.Time()
		if limit := revision.Time(wall.now().Add(time.Hour).UnixNano()); got > limit {
			t.Errorf("%s/%s: got time %d, beyond %d", tt.c.FullName(), tt.id, got, limit)
		}
	}
	sound(t, db)
}

// TestATreeLeavesNoNote checks that purges of tree revisions note nothing, because these have no
// time.
func TestATreeLeavesNoNote(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{Versioning: store.RevTrees})
	c := defaults(t, db)
	first := save(t, db, c, "a", `{"n":1}`)
	purgeDoc(t, db, c)
	view(t, db, func(tx *store.Tx) error {
		return tx.Infos("purged "+c.FullName(), func(id string, _ []byte) error {
			t.Errorf("the purge of %s is noted", id)
			return nil
		})
	})
	if again := save(t, db, c, "a", `{"n":1}`); again.Rev.ID != first.Rev.ID || again.Sequence != 2 {
		t.Errorf("made anew: got %s at %d, want %s at 2", again.Rev.ID, again.Sequence, first.Rev.ID)
	}
	sound(t, db)
}

// TestAPurgeTakesEverything checks that a purge leaves no row of the document in any table.
func TestAPurgeTakesEverything(t *testing.T) {
	for _, v := range bothVersionings {
		t.Run(string(v), func(t *testing.T) {
			t.Parallel()
			x := makeConflict(t, v, false)
			ids := []revision.ID{x.local.Rev.ID, x.theirs.ID, knownBase(t, x)}
			update(t, x.db, func(tx *store.Tx) error { return tx.SetExpiry(x.c, "a", tx.Now().Add(time.Hour)) })
			update(t, x.db, func(tx *store.Tx) error { return tx.Purge(x.c, "a") })
			save(t, x.db, x.c, "a", `{"anew":1}`)
			d := get(t, x.db, x.c, "a")
			if d.Conflicted || d.Known(x.with) != "" || !d.Expiry.IsZero() || len(d.Rev.History.Previous) > 0 {
				t.Errorf("made anew: got %+v", d)
			}
			view(t, x.db, func(tx *store.Tx) error {
				for _, id := range ids {
					if body, err := tx.BodyOf(x.c, "a", id); !errors.Is(err, fault.NotFound) {
						t.Errorf("%s is left: %s, %v", id, body, err)
					}
				}
				return nil
			})
			sound(t, x.db)
		})
	}
}
