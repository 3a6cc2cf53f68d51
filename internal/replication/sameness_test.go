package replication_test

import (
	"errors"
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

// The edits of a database and of a copy of its files are of one source: the later would pass for one that has seen
// the other. The two refuse each other, in whatever role, and no edit is touched.
func TestACopiedDatabaseIsRefused(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		a := newPeer(t, v)
		a.put("d", `{"n":1}`)
		b := copied(t, a)
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

// A database that is called by itself, through a name or a proxy that it does not know, is no copy.
func TestADatabaseMayCallItself(t *testing.T) {
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
