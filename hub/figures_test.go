package hub_test

import (
	"context"
	"flag"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/store/storetest"
	"github.com/tandemdb/tandem/internal/testsize"
)

var (
	figures  = flag.Int("figures", 0, "measure with so many documents of 1 kB, and print figures")
	profiles = flag.String("profiles", "", "write processor profiles of the nodes into this folder")
)

// clients sync at once, distributed over the nodes.
const clients = 8

// TestFigures measures nodes in processes of their own over a server that writes to the disk at each commit, all on this
// machine, beside COPY into an equal table. Without -figures it runs everything once with few documents.
func TestFigures(t *testing.T) {
	n := *figures
	if n == 0 {
		testsize.Whole(t)
		n = 400
	}
	s := storetest.StartDurablePostgres(t)
	copied := figureOfCopy(t, s, n)
	loaded := figureOfLoad(t, s, n)
	t.Logf("COPY into an equal table: %.0f documents/s", copied)
	t.Logf("load by one node: %.0f documents/s, %.0f %% of COPY", loaded, 100*loaded/copied)
	for _, nodes := range []int{1, 2, 4} {
		pushed, pulled := figureOfSync(t, s, nodes, n/5)
		t.Logf("%d clients through %d nodes: push %.0f documents/s, pull %.0f documents/s in all", clients, nodes, pushed, pulled)
	}
	for name, query := range map[string]string{"NOTIFY": "", "polling": "&polling=true"} {
		t.Logf("a change on one node reaches a client of another by %s: median %v", name, figureOfNews(t, s.URL()+query, min(n/20, 100)))
	}
	each, connections := figureOfIdle(t, s, min(n/4, 500))
	t.Logf("%d idle continuous clients: %d kB each in the node, %s connections to the server", min(n/4, 500), each, connections)
}

// profileOf names the file for a node's profile.
func profileOf(name string) string {
	if *profiles == "" {
		return ""
	}
	return filepath.Join(*profiles, name+".pprof")
}

// figureOfCopy copies documents into the table of an empty database.
func figureOfCopy(t *testing.T, s *storetest.Postgres, n int) float64 {
	t.Helper()
	at := s.URL()
	startNode(t, at, "").end() // which makes the table
	u, err := url.Parse(at)
	check(t, err)
	conn, err := pgx.Connect(t.Context(), s.Base())
	check(t, err)
	defer conn.Close(context.Background())
	body := `{"pad":"` + strings.Repeat("x", 980) + `","n":12345}`
	began := time.Now()
	copied, err := conn.CopyFrom(t.Context(), pgx.Identifier{u.Query().Get("schema"), "_default._default"},
		[]string{"id", "seq", "flags", "rev", "history", "known", "body"},
		pgx.CopyFromSlice(n, func(i int) ([]any, error) {
			return []any{fmt.Sprintf("d%08d", i), int64(i + 1), int64(0), "18c5a6e4e1b80000@AAAAAAAAAAAAAAAAAAAAAA", "", "", body}, nil
		}))
	check(t, err)
	return float64(copied) / time.Since(began).Seconds()
}

func figureOfLoad(t *testing.T, s *storetest.Postgres, n int) float64 {
	t.Helper()
	node := startNode(t, s.URL(), profileOf("load"))
	defer node.end()
	answer := node.ask(t, fmt.Sprint("load ", n))
	if len(answer) != 3 || answer[1] != "<nil>" {
		t.Fatalf("the load ends with %v", answer)
	}
	seconds, err := strconv.ParseFloat(answer[2], 64)
	check(t, err)
	return float64(n) / seconds
}

// figureOfSync has clients push their documents through nodes at once, and then others pull all of them.
func figureOfSync(t *testing.T, s *storetest.Postgres, nodes, n int) (pushed, pulled float64) {
	t.Helper()
	at := s.URL()
	var endpoints []string
	for i := range nodes {
		node := startNode(t, at, profileOf(fmt.Sprintf("sync-%d-of-%d", i+1, nodes)))
		defer node.end()
		endpoints = append(endpoints, node.endpoint)
	}
	all := make([]member, 2*clients)
	for i := range all {
		all[i] = open(t, filepath.Join(t.TempDir(), "client"), tandem.Options{})
		defer all[i].db.Close()
		if i < clients {
			check(t, load(t.Context(), all[i].coll, fmt.Sprintf("c%d-", i), n/clients))
		}
	}
	n = n / clients * clients
	pushed = float64(n) / syncAll(t, all[:clients], endpoints, tandem.Push)
	pulled = float64(n*clients) / syncAll(t, all[clients:], endpoints, tandem.Pull)
	for _, m := range all[clients:] {
		if count, err := m.coll.Count(t.Context()); err != nil || int(count) != n {
			t.Errorf("a client has pulled %d documents, %v, want %d", count, err, n)
		}
	}
	return pushed, pulled
}

// syncAll runs a replicator for each member at once, and returns how many seconds all of them took.
func syncAll(t *testing.T, all []member, endpoints []string, kind tandem.ReplicatorType) float64 {
	t.Helper()
	var work sync.WaitGroup
	began := time.Now()
	for i, m := range all {
		work.Go(func() {
			e, err := tandem.NewURLEndpoint(endpoints[i%len(endpoints)])
			if err != nil {
				t.Error(err)
				return
			}
			r, err := tandem.NewReplicator(tandem.ReplicatorConfiguration{
				Endpoint: e, Type: kind, Collections: []tandem.CollectionConfiguration{{Collection: m.coll}},
			})
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			if err := r.Start(); err != nil {
				t.Error(err)
			} else if err := r.Wait(context.Background()); err != nil {
				t.Error(err)
			}
		})
	}
	work.Wait()
	return time.Since(began).Seconds()
}

// figureOfNews has one node save documents one after the other, and measures until the client of another node has each.
func figureOfNews(t *testing.T, at string, n int) time.Duration {
	t.Helper()
	writer, reader := startNode(t, at, ""), startNode(t, at, "")
	defer writer.end()
	defer reader.end()
	m := device(t, reader.endpoint)
	changes := make(chan string, n)
	token, err := m.coll.AddChangeListener(t.Context(), func(c tandem.CollectionChange) {
		for _, id := range c.DocumentIDs {
			changes <- id
		}
	})
	check(t, err)
	defer token.Remove()
	var took []time.Duration
	for i := range n + 1 {
		began := time.Now()
		if answer := writer.ask(t, fmt.Sprint("save ", i)); answer[1] != "<nil>" {
			t.Fatal(answer)
		}
		select {
		case <-changes:
		case <-time.After(time.Minute):
			t.Fatal("no news in a minute")
		}
		if i > 0 { // the first one also waits for the connection
			took = append(took, time.Since(began))
		}
	}
	slices.Sort(took)
	return took[len(took)/2].Round(10 * time.Microsecond)
}

// figureOfIdle connects clients that have nothing to do.
func figureOfIdle(t *testing.T, s *storetest.Postgres, n int) (kB int, connections string) {
	t.Helper()
	node := startNode(t, s.URL(), "")
	defer node.end()
	m := open(t, filepath.Join(t.TempDir(), "clients"), tandem.Options{})
	before, err := strconv.Atoi(node.ask(t, "memory")[1])
	check(t, err)
	e, err := tandem.NewURLEndpoint(node.endpoint)
	check(t, err)
	var all []*tandem.Replicator
	for i := range n {
		r, err := tandem.NewReplicator(tandem.ReplicatorConfiguration{
			Endpoint: e, Continuous: true, // each has a checkpoint of its own, by what it wants
			Collections: []tandem.CollectionConfiguration{{Collection: m.coll, DocumentIDs: []string{fmt.Sprint(i)}}},
		})
		check(t, err)
		check(t, r.Start())
		defer r.Close()
		all = append(all, r)
	}
	for _, r := range all {
		if !testsize.Eventually(time.Minute, func() bool { return r.Status().Activity == tandem.Idle }) {
			t.Fatalf("a client is %v", r.Status())
		}
	}
	answer := node.ask(t, "memory")
	after, err := strconv.Atoi(answer[1])
	check(t, err)
	return (after - before) / n, answer[2]
}
