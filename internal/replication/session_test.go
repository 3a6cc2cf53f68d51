package replication_test

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/storetest"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(storetest.Tests{M: m})
}

// peer is a database with its default collection.
type peer struct {
	t    testing.TB
	db   *store.DB
	coll *store.Collection
}

func newPeer(t testing.TB, versioning store.Versioning) *peer {
	t.Helper()
	return openPeer(t, store.Options{Versioning: versioning})
}

// newPeerInBubble makes a peer for a synctest bubble: nothing watches its files.
func newPeerInBubble(t testing.TB, versioning store.Versioning) *peer {
	t.Helper()
	disk := storetest.NewDisk()
	t.Cleanup(disk.Close)
	return openPeer(t, store.Options{Versioning: versioning, Disk: disk})
}

func openPeer(t testing.TB, options store.Options) *peer {
	t.Helper()
	db, err := storetest.Open(t, filepath.Join(t.TempDir(), "peer.tandem"), options)
	return asPeer(t, db, err)
}

func openPeerAt(t testing.TB, path string, options store.Options) *peer {
	t.Helper()
	db, err := store.Open(t.Context(), path, options)
	return asPeer(t, db, err)
}

func asPeer(t testing.TB, db *store.DB, err error) *peer {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		problems, err := db.Check(context.Background())
		if err != nil && !errors.Is(err, fault.NotOpen) || len(problems) > 0 {
			t.Errorf("%s is not sound: %v, %v", db.Path(), problems, err)
		}
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	coll, err := db.Collection(t.Context(), "_default", "_default")
	if err != nil {
		t.Fatal(err)
	}
	if err := db.NoteMet(t.Context(), store.Third); err != nil { // so that a database of both goes by the rules of both
		t.Fatal(err)
	}
	return &peer{t: t, db: db, coll: coll}
}

func (p *peer) update(fn func(tx *store.Tx) error) {
	p.t.Helper()
	if err := p.db.Update(context.Background(), fn); err != nil {
		p.t.Fatal(err)
	}
}

func (p *peer) put(id, body string) {
	p.t.Helper()
	p.update(func(tx *store.Tx) error {
		_, err := tx.Save(p.coll, store.Edit{ID: id, Body: []byte(body)})
		return err
	})
}

func (p *peer) delete(id string) {
	p.t.Helper()
	p.update(func(tx *store.Tx) error {
		_, err := tx.Save(p.coll, store.Edit{ID: id, Deleted: true})
		return err
	})
}

// contents maps the IDs of all documents to revision and body; tombstones have body "-".
func (p *peer) contents() map[string]string {
	p.t.Helper()
	all := make(map[string]string)
	err := p.db.View(context.Background(), func(tx *store.Tx) error {
		docs, err := tx.Changes(p.coll, 0, 1_000_000, store.Select{WithBody: true})
		for _, d := range docs {
			body := string(d.Body)
			if d.Deleted {
				body = "-"
			}
			if d.Conflicted {
				body += " in conflict"
			}
			all[d.ID] = fmt.Sprintf("%s %s", d.Rev.ID, body)
		}
		return err
	})
	if err != nil {
		p.t.Fatal(err)
	}
	return all
}

// link is one connection between an active and a passive session.
type link struct {
	active, passive       *replication.Session
	activeErr, passiveErr chan error
	stop                  context.CancelFunc
}

func protocolOf(p *peer) string {
	if p.db.Versioning() != store.RevTrees {
		return replication.CBMobile4
	}
	return replication.CBMobile3
}

// sessions returns the two sides of a session, which have not begun.
func sessions(a, p *peer, configure ...func(*replication.Active, *replication.Passive)) (active, passive *replication.Session) {
	forActive := replication.Active{
		Common:      replication.Common{DB: a.db, Protocol: protocolOf(a), Deltas: true, ReplyTimeout: 20 * time.Second},
		Collections: []replication.CollectionOptions{{Collection: a.coll, Push: true, Pull: true}},
		Remote:      "ws://" + p.db.Path(),
	}
	forPassive := replication.Passive{
		Common:      replication.Common{DB: p.db, Protocol: protocolOf(p), Deltas: true, ReplyTimeout: 20 * time.Second},
		Collections: []*store.Collection{p.coll},
	}
	for _, c := range configure {
		c(&forActive, &forPassive)
	}
	pipeA, pipeP := blip.NewPipePair()
	return replication.NewActive(pipeA, forActive), replication.NewPassive(pipeP, forPassive)
}

func connect(t testing.TB, a, p *peer, configure ...func(*replication.Active, *replication.Passive)) *link {
	t.Helper()
	active, passive := sessions(a, p, configure...)
	ctx, stop := context.WithCancel(context.Background())
	l := &link{
		active: active, passive: passive,
		activeErr: make(chan error, 1), passiveErr: make(chan error, 1),
		stop: stop,
	}
	go func() { l.activeErr <- l.active.Run(ctx) }()
	go func() { l.passiveErr <- l.passive.Run(context.Background()) }()
	t.Cleanup(stop)
	return l
}

// wait waits for both sides to end and returns the active side's error.
func (l *link) wait(t testing.TB) error {
	t.Helper()
	var err error
	select {
	case err = <-l.activeErr:
	case <-time.After(patience):
		t.Fatalf("the active session does not end: %+v", l.active.Progress())
	}
	select {
	case perr := <-l.passiveErr:
		if !errors.Is(perr, fault.PeerClosed) {
			t.Errorf("passive side ended with %v, want closed by the peer", perr)
		}
	case <-time.After(patience):
		t.Fatalf("the passive session does not end: %+v", l.passive.Progress())
	}
	return err
}

func sync(t testing.TB, a, p *peer, configure ...func(*replication.Active, *replication.Passive)) *link {
	t.Helper()
	l := connect(t, a, p, configure...)
	if err := l.wait(t); err != nil {
		t.Fatal(err)
	}
	return l
}

func eachVersioning(t *testing.T, test func(t *testing.T, v store.Versioning)) {
	for _, v := range []store.Versioning{store.RevTrees, store.VersionVectors} {
		t.Run(string(v), func(t *testing.T) { test(t, v) })
	}
}

// eachKind is eachVersioning with databases of both generations too, which speak the fourth protocol with each
// other.
func eachKind(t *testing.T, test func(t *testing.T, v store.Versioning)) {
	eachVersioning(t, test)
	t.Run(string(store.Both), func(t *testing.T) { test(t, store.Both) })
}

func TestOneShotMovesEverythingBothWays(t *testing.T) {
	eachKind(t, func(t *testing.T, v store.Versioning) {
		a, p := newPeer(t, v), newPeer(t, v)
		for i := range 450 {
			a.put(fmt.Sprintf("a%d", i), fmt.Sprintf(`{"n":%d}`, i))
			p.put(fmt.Sprintf("p%d", i), fmt.Sprintf(`{"n":%d}`, i))
		}
		l := sync(t, a, p)
		requireSame(t, a, p, 900)
		if got := l.active.Progress(); got.Push.Documents != 450 || got.Pull.Documents != 450 {
			t.Errorf("progress %+v, want 450 documents each way", got)
		}

		a.delete("a1")
		p.delete("p1")
		a.put("p2", `{"edited":"by a"}`)
		p.put("a2", `{"edited":"by p"}`)
		sync(t, a, p)
		requireSame(t, a, p, 900)

		l = sync(t, a, p)
		if got := l.active.Progress(); got.Push.Total+got.Pull.Documents != 0 {
			t.Errorf("a third run moves something: %+v", got)
		}
	})
}

// TestManyEditsAreNoConflict edits more often than a history is long, while the peers are apart.
func TestManyEditsAreNoConflict(t *testing.T) {
	eachKind(t, func(t *testing.T, v store.Versioning) {
		for _, n := range []int{48, 49, 50, 120} {
			a, p := newPeer(t, v), newPeer(t, v)
			a.put("ours", `{}`)
			p.put("theirs", `{}`)
			sync(t, a, p)
			for i := range n {
				a.put("ours", fmt.Sprintf(`{"n":%d}`, i))
				p.put("theirs", fmt.Sprintf(`{"n":%d}`, i))
			}
			got := sync(t, a, p).active.Progress()
			if got.Conflicts != 0 || got.Push.Documents != 1 || got.Push.Failed != 0 || got.Pull.Documents != 1 {
				t.Errorf("after %d edits on either side: %d conflicts, push %+v, pull %+v", n, got.Conflicts, got.Push, got.Pull)
			}
			requireSame(t, a, p, 2)
		}
	})
}

func requireSame(t testing.TB, a, p *peer, n int) {
	t.Helper()
	ours, theirs := a.contents(), p.contents()
	if len(ours) != n || len(theirs) != n {
		t.Fatalf("active has %d documents, passive %d, want %d", len(ours), len(theirs), n)
	}
	for id, doc := range ours {
		if theirs[id] != doc {
			t.Errorf("%s: active has %s, passive has %s", id, doc, theirs[id])
		}
	}
}

func TestConflictsAreResolvedAndPushedInTheSameRun(t *testing.T) {
	eachKind(t, func(t *testing.T, v store.Versioning) {
		a, p := newPeer(t, v), newPeer(t, v)
		for i := range 20 {
			a.put(fmt.Sprintf("d%d", i), `{"n":1}`)
		}
		sync(t, a, p)
		for i := range 20 {
			id := fmt.Sprintf("d%d", i)
			a.put(id, `{"by":"a"}`)
			switch i % 4 {
			case 0:
				p.put(id, `{"by":"p"}`)
			case 1:
				p.put(id, `{"by":"p"}`)
				p.put(id, `{"by":"p again"}`)
			case 2:
				p.delete(id)
			case 3:
				p.put(id, `{"by":"p"}`)
				a.delete(id)
			}
		}
		l := sync(t, a, p)
		requireSame(t, a, p, 20)
		if got := l.active.Progress().Conflicts; got != 20 {
			t.Errorf("resolved %d conflicts, want 20", got)
		}
	})
}

// inFolders skips a test of what only databases in folders have.
func inFolders(t testing.TB) {
	t.Helper()
	if storetest.OnPostgres() {
		t.Skip("databases in folders alone")
	}
}
