package replication_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
)

// copied opens a copy of the peer's folder, made by a tool that knows nothing of databases.
func copied(t *testing.T, p *peer) *peer {
	t.Helper()
	path := filepath.Join(t.TempDir(), "copy.tandem")
	if err := os.CopyFS(path, os.DirFS(p.db.Path())); err != nil {
		t.Fatal(err)
	}
	return openPeerAt(t, path, store.Options{MustExist: true})
}

// meetEachOther runs an active session on a and a passive one on p, and returns how they ended.
func meetEachOther(t *testing.T, a, p *peer) (active, passive error) {
	t.Helper()
	here, there := blip.NewPipePair()
	passiveEnd := make(chan error, 1)
	host := replication.NewPassive(there, replication.Passive{
		Common: replication.Common{DB: p.db, Log: testLog(t)}, Collections: []*store.Collection{p.coll},
	})
	go func() { passiveEnd <- host.Run(t.Context()) }()
	active = replication.NewActive(here, replication.Active{
		Common:      replication.Common{DB: a.db, Log: testLog(t)},
		Collections: []replication.CollectionOptions{{Collection: a.coll, Push: true, Pull: true}},
		Remote:      "ws://p/db",
	}).Run(t.Context())
	return active, <-passiveEnd
}

// restored opens two databases that the store takes for one: the peer's folder, which was renamed,
// and a copy of it that was put in its place, as from an archive.
func restored(t *testing.T, p *peer) (renamed, inPlace *peer) {
	t.Helper()
	path, aside := p.db.Path(), filepath.Join(t.TempDir(), "renamed.tandem")
	err := errors.Join(p.db.Close(), os.Rename(path, aside), os.CopyFS(path, os.DirFS(aside)))
	if err != nil {
		t.Fatal(err)
	}
	o := store.Options{MustExist: true}
	return openPeerAt(t, aside, o), openPeerAt(t, path, o)
}

// The edits of both databases are of one source: the later would pass for one that has seen the
// other. The two refuse each other, in whatever role, and no edit is touched.
func TestADatabaseOfTheSameSourceIsRefused(t *testing.T) {
	inFolders(t)
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		a := newPeer(t, v)
		a.put("d", `{"n":1}`)
		a, b := restored(t, a)
		a.put("d", `{"by":"a"}`)
		b.put("d", `{"by":"b"}`)
		for _, pair := range [][2]*peer{{a, b}, {b, a}} {
			err, _ := meetEachOther(t, pair[0], pair[1])
			if !errors.Is(err, fault.Invalid) || !strings.Contains(fault.HintOf(err), "tandem copy") {
				t.Errorf("the session ends with %v, hint %q", err, fault.HintOf(err))
			}
		}
		for _, x := range []struct {
			p    *peer
			want string
		}{{a, `{"by":"a"}`}, {b, `{"by":"b"}`}} {
			if got := x.p.contents()["d"]; !strings.HasSuffix(got, x.want) {
				t.Errorf("stored is %s, want %s", got, x.want)
			}
		}
		whole := filepath.Join(t.TempDir(), "whole.tandem")
		if err := b.db.Copy(t.Context(), whole); err != nil {
			t.Fatal(err)
		}
		c := openPeerAt(t, whole, store.Options{MustExist: true})
		c.put("d", `{"by":"c"}`)
		sync(t, a, c)
		requireSame(t, a, c, 1)
	})
}

// editedApart returns a database and a copy of its files, in which one document was edited twice,
// each time in another way.
func editedApart(t *testing.T, v store.Versioning) (a, b *peer) {
	t.Helper()
	a = newPeer(t, v)
	a.put("d", `{"n":1}`)
	b = copied(t, a)
	for _, p := range []*peer{a, b} {
		p.put("d", `{"draft":true}`)
	}
	a.put("d", `{"by":"a"}`)
	b.put("d", `{"by":"b"}`)
	return a, b
}

// keepingBoth resolves a conflict so that the outcome shows both edits.
func keepingBoth(active *replication.Active, _ *replication.Passive) {
	active.Remote = "ws://peer/db"
	active.Collections[0].Resolver = func(context.Context, replication.Conflict) (replication.Decision, error) {
		return replication.Decision{Winner: store.Merged, Body: []byte(`{"by":"a and b"}`)}, nil
	}
}

// Whether the copies of a database's files meet or share a peer alone, neither edit replaces the
// other unseen.
func TestNoEditOfACopyIsLost(t *testing.T) {
	inFolders(t)
	for name, meet := range map[string]func(t *testing.T, v store.Versioning, a, b *peer){
		"directly":          func(t *testing.T, _ store.Versioning, a, b *peer) { sync(t, a, b, keepingBoth) },
		"in the other role": func(t *testing.T, _ store.Versioning, a, b *peer) { sync(t, b, a, keepingBoth) },
		"through a third": func(t *testing.T, v store.Versioning, a, b *peer) {
			third := newPeer(t, v)
			sync(t, a, third, keepingBoth)
			sync(t, b, third, keepingBoth)
			sync(t, a, third, keepingBoth)
			requireSame(t, a, third, 1)
		},
		"through a client": func(t *testing.T, v store.Versioning, a, b *peer) {
			third := newPeer(t, v)
			sync(t, third, a, keepingBoth)
			sync(t, third, b, keepingBoth)
			sync(t, third, a, keepingBoth)
			requireSame(t, a, third, 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachVersioning(t, func(t *testing.T, v store.Versioning) {
				a, b := editedApart(t, v)
				meet(t, v, a, b)
				requireSame(t, a, b, 1)
				if got := a.contents()["d"]; !strings.HasSuffix(got, `{"by":"a and b"}`) {
					t.Errorf("the document is %s, want the outcome of a conflict", got)
				}
			})
		})
	}
}

// Copies of the files go on from the same checkpoint and write it in turn, yet each sends and gets
// all that is new.
func TestCopiesThatShareACheckpointMissNothing(t *testing.T) {
	inFolders(t)
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		a, third := twoInSync(t, v)
		b := copied(t, a)
		copies, documents := []*peer{a, b}, 200
		for round := range 6 {
			one := copies[round%2]
			for i, p := range []*peer{one, one, one, copies[1-round%2], third} {
				p.put(fmt.Sprintf("new %d.%d", round, i), `{}`)
				documents++
			}
			if asked, looked := syncAsked(t, one, third); asked != 0 || looked > 60 {
				t.Errorf("round %d: %d checkpoints were asked for, and %d documents looked at; want those that are new",
					round, asked, looked)
			}
		}
		for _, p := range copies {
			syncAsked(t, p, third)
		}
		syncAsked(t, a, third)
		requireSame(t, a, third, documents)
		requireSame(t, b, third, documents)
	})
}

// A database that is called by itself, through a name or a proxy that it does not know, is no copy.
func TestADatabaseMayCallItself(t *testing.T) {
	inFolders(t)
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		a := newPeer(t, v)
		a.put("d", `{"n":1}`)
		before := a.contents()
		for range 3 {
			err, _ := meetEachOther(t, a, a)
			if err != nil {
				t.Errorf("the session ends with %v", err)
			}
		}
		again := openPeerAt(t, a.db.Path(), store.Options{MustExist: true}) // as another process has it
		err, _ := meetEachOther(t, a, again)
		if err != nil {
			t.Errorf("through another process the session ends with %v", err)
		}
		if got := a.contents(); got["d"] != before["d"] {
			t.Errorf("stored is %v, want %v", got, before)
		}
	})
}
