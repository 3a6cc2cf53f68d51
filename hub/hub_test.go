package hub_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/hub"
	"github.com/tandemdb/tandem/internal/store/storetest"
	"github.com/tandemdb/tandem/internal/testsize"
)

func TestMain(m *testing.M) {
	if at := os.Getenv(nodeVariable); at != "" {
		os.Exit(nodeChild(at))
	}
	goleak.VerifyTestMain(storetest.Tests{M: m})
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// member is a database with its default collection.
type member struct {
	db   *tandem.Database
	coll *tandem.Collection
}

func open(t testing.TB, path string, o tandem.Options) member {
	t.Helper()
	db, err := tandem.Open(t.Context(), path, o)
	check(t, err)
	t.Cleanup(func() {
		problems, err := db.Check(context.Background())
		if err != nil && !errors.Is(err, tandem.ErrNotOpen) || len(problems) > 0 {
			t.Errorf("%s is not sound: %v, %v", db.Name(), problems, err)
		}
		check(t, db.Close())
	})
	coll, err := db.DefaultCollection(t.Context())
	check(t, err)
	return member{db, coll}
}

// node opens a node with a listener, and returns the URL of its endpoint.
func node(t testing.TB, at string) (m member, endpoint string) {
	t.Helper()
	m = open(t, at, tandem.Options{Engine: hub.PostgreSQL()})
	l, err := tandem.NewURLEndpointListener(tandem.URLEndpointListenerConfiguration{
		Collections: []*tandem.Collection{m.coll}, DisableTLS: true, NetworkInterface: "127.0.0.1",
	})
	check(t, err)
	check(t, l.Start())
	t.Cleanup(l.Stop)
	return m, l.URLs()[0]
}

// device is a database in a folder that replicates continuously.
func device(t testing.TB, endpoint string) member {
	t.Helper()
	m := open(t, filepath.Join(t.TempDir(), "device"), tandem.Options{})
	replicator(t, m, endpoint, true)
	return m
}

func (m member) save(t testing.TB, id string, n int) {
	t.Helper()
	check(t, m.coll.Put(t.Context(), id, map[string]int{"n": n}))
}

// contents returns the revisions of all documents.
func (m member) contents(t testing.TB) map[string]string {
	t.Helper()
	all := make(map[string]string)
	for d, err := range m.coll.All(t.Context()) {
		check(t, err)
		all[d.ID()] = d.RevisionID()
	}
	return all
}

// agree waits until members have the same so many documents.
func agree(t testing.TB, n int, all ...member) {
	t.Helper()
	agreed := testsize.Eventually(2*time.Minute, func() bool {
		first := all[0].contents(t)
		same := len(first) == n
		for _, m := range all[1:] {
			same = same && maps.Equal(m.contents(t), first)
		}
		return same
	})
	if !agreed {
		var last strings.Builder
		for _, m := range all {
			fmt.Fprintf(&last, "\n%s: %v", m.db.Name(), m.contents(t))
		}
		t.Fatalf("no agreement on %d documents:%s", n, &last)
	}
}

// TestARestoredBackupLosesNothingThatDevicesHave puts a database back to its backup, while two nodes and their devices go on: the
// devices bring what was lost, and no sequence is given twice.
func TestARestoredBackupLosesNothingThatDevicesHave(t *testing.T) {
	s := storetest.SharedPostgres(t)
	if s.Runs() {
		t.Skip("the server of TANDEM_POSTGRES has no folder for backups")
	}
	at := s.URL()
	u, err := url.Parse(at)
	check(t, err)
	a, first := node(t, at)
	b, second := node(t, at)
	one, two := device(t, first), device(t, second)
	for i := range 20 {
		one.save(t, fmt.Sprint("before ", i), i)
	}
	agree(t, 20, a, b, one, two)
	file, err := s.Backup(u.Query().Get("schema"))
	check(t, err)
	for i := range 10 {
		one.save(t, fmt.Sprint("after ", i), i)
		two.save(t, fmt.Sprint("also after ", i), i)
		one.save(t, fmt.Sprint("before ", i), 100+i)
	}
	agree(t, 40, a, b, one, two)
	check(t, s.Restore(file))
	two.save(t, "last", 1)
	agree(t, 41, a, b, one, two)
	one.save(t, "before 1", 1000)
	two.save(t, "before 2", 1000)
	agree(t, 41, a, b, one, two)
}

// TestOneNodeReplicates starts the same replicator on two nodes: one runs it, and the other takes over.
func TestOneNodeReplicates(t *testing.T) {
	at := storetest.SharedPostgres(t).URL()
	far := open(t, filepath.Join(t.TempDir(), "far"), tandem.Options{})
	l, err := tandem.NewURLEndpointListener(tandem.URLEndpointListenerConfiguration{
		Collections: []*tandem.Collection{far.coll}, DisableTLS: true, NetworkInterface: "127.0.0.1",
	})
	check(t, err)
	check(t, l.Start())
	t.Cleanup(l.Stop)
	var nodes []member
	var replicators []*tandem.Replicator
	for range 2 {
		m := open(t, at, tandem.Options{Engine: hub.PostgreSQL()})
		nodes = append(nodes, m)
		replicators = append(replicators, replicator(t, m, l.URLs()[0], true))
	}
	far.save(t, "far", 1)
	nodes[0].save(t, "a", 1)
	nodes[1].save(t, "b", 1)
	agree(t, 3, far, nodes[0], nodes[1])
	if n := l.Status().ConnectionCount; n != 1 {
		t.Errorf("%d nodes replicate, want one", n)
	}
	running, waiting := 0, 1
	if errors.Is(replicators[0].Status().Err, tandem.ErrBusy) {
		running, waiting = 1, 0
	}
	once := replicator(t, nodes[waiting], l.URLs()[0], false)
	_ = once.Wait(t.Context())
	if err := once.Status().Err; !errors.Is(err, tandem.ErrBusy) {
		t.Errorf("a replicator that another node runs ends with %v", err)
	}
	if err := replicators[waiting].Status().Err; !errors.Is(err, tandem.ErrBusy) {
		t.Errorf("the replicator that waits says %v", err)
	}
	replicators[running].Close()
	far.save(t, "later", 1)
	nodes[running].save(t, "c", 1)
	agree(t, 5, far, nodes[0], nodes[1])
}

func replicator(t testing.TB, m member, endpoint string, continuous bool) *tandem.Replicator {
	t.Helper()
	e, err := tandem.NewURLEndpoint(endpoint)
	check(t, err)
	r, err := tandem.NewReplicator(tandem.ReplicatorConfiguration{
		Endpoint: e, Continuous: continuous, Collections: []tandem.CollectionConfiguration{{Collection: m.coll}},
	})
	check(t, err)
	check(t, r.Start())
	t.Cleanup(r.Close)
	return r
}

func TestStatisticsOfANode(t *testing.T) {
	m := open(t, storetest.SharedPostgres(t).URL(), tandem.Options{Engine: hub.PostgreSQL(hub.MaxConns(3))})
	m.save(t, "a", 1)
	s, ok := m.db.NodeStatistics()
	if !ok || s.MaxConnections != 3 || s.Connections < 1 || s.Connections > 3 || s.Commits == 0 || s.Incarnation != 1 {
		t.Errorf("got %+v, %v", s, ok)
	}
}
