package replication_test

import (
	"testing"

	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/postgres"
	"github.com/tandemdb/tandem/internal/store/storetest"
)

// hubCopyOf copies a peer's database to PostgreSQL.
func hubCopyOf(t *testing.T, p *peer) *peer {
	t.Helper()
	url := storetest.SharedPostgres(t).URL()
	if err := p.db.CopyToHub(t.Context(), postgres.Engine{}, url); err != nil {
		t.Fatal(err)
	}
	db, err := store.OpenHub(t.Context(), postgres.Engine{}, url, store.Options{MustExist: true})
	return asPeer(t, db, err)
}

// A database moves to PostgreSQL and back: its peers, and the peers that it calls, go on where they were.
func TestTheFirstSyncAfterAMoveMovesNothing(t *testing.T) {
	inFolders(t)
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		a, p := twoInSync(t, v)
		there := hubCopyOf(t, a)
		back := copyOf(t, there)
		for name, c := range map[string]*peer{"there": there, "back": back} {
			for run, want := range []int64{1, 0, 0} {
				if asked, looked := syncAsked(t, c, p); looked != 0 || asked != want {
					t.Errorf("%s calls, sync %d: %d documents were looked at, and %d checkpoints asked for; want 0 and %d",
						name, run, looked, asked, want)
				}
			}
			requireSame(t, a, c, 200)
		}
		there = hubCopyOf(t, p)
		for name, c := range map[string]*peer{"there": there, "back": copyOf(t, there), "elsewhere": hubCopyOf(t, there)} {
			if asked, looked := syncAsked(t, a, c); looked != 0 || asked != 0 {
				t.Errorf("%s is called: %d documents were looked at, and %d checkpoints asked for; want none", name, looked, asked)
			}
			if v == store.VersionVectors {
				if c.db.PublicUUID() != p.db.PublicUUID() || c.db.Source() == p.db.Source() {
					t.Errorf("%s has another UUID, or the same source", name)
				}
			}
		}
	})
}

// The original, its copy in PostgreSQL and a copy of that go on at once, and sync with each other.
func TestAMovedDatabaseAndItsOriginalGoOn(t *testing.T) {
	inFolders(t)
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		a, p := twoInSync(t, v)
		there := hubCopyOf(t, a)
		back := copyOf(t, there)
		for name, c := range map[string]*peer{"original": a, "there": there, "back": back} {
			c.put("of "+name, `{}`)
			c.put("ours1", `{"by":"`+name+`"}`)
		}
		for range 3 {
			for _, c := range []*peer{a, there, back} {
				sync(t, c, p)
			}
		}
		for _, c := range []*peer{a, there, back} {
			requireSame(t, c, p, 203)
		}
		sync(t, a, there)
		sync(t, there, back)
		requireSame(t, a, back, 203)
	})
}
