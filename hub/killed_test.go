package hub_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/url"
	"sync"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/hub"
	"github.com/tandemdb/tandem/internal/store/storetest"
	"github.com/tandemdb/tandem/internal/testsize"
)

// balancer is a plain load balancer: it passes each connection to one of its nodes.
type balancer struct {
	listener net.Listener
	work     sync.WaitGroup

	mu    sync.Mutex // guards the following
	nodes []string   // addresses
	conns map[net.Conn]bool
}

func newBalancer(t testing.TB) *balancer {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	b := &balancer{listener: listener, conns: make(map[net.Conn]bool)}
	b.work.Go(b.accept)
	t.Cleanup(func() {
		_ = listener.Close()
		b.mu.Lock()
		for c := range b.conns {
			_ = c.Close()
		}
		b.mu.Unlock()
		b.work.Wait()
	})
	return b
}

// use has the balancer choose among nodes from now on.
func (b *balancer) use(nodes ...*process) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.nodes = nil
	for _, p := range nodes {
		if u, err := url.Parse(p.endpoint); err == nil {
			b.nodes = append(b.nodes, u.Host)
		}
	}
}

func (b *balancer) accept() {
	for {
		client, err := b.listener.Accept()
		if err != nil {
			return
		}
		b.mu.Lock()
		address := b.nodes[rand.IntN(len(b.nodes))]
		b.mu.Unlock()
		node, err := net.Dial("tcp", address)
		if err != nil {
			_ = client.Close()
			continue
		}
		b.mu.Lock()
		b.conns[client], b.conns[node] = true, true
		b.mu.Unlock()
		pass := func(to, from net.Conn) {
			_, _ = io.Copy(to, from)
			_, _ = to.Close(), from.Close()
		}
		b.work.Go(func() { pass(node, client) })
		b.work.Go(func() { pass(client, node) })
	}
}

// TestNodesAreKilledUnderTheirDevices kills nodes at random and starts others, while devices edit documents of their own and
// common ones: nothing is lost, nothing is there twice, and all agree.
func TestNodesAreKilledUnderTheirDevices(t *testing.T) {
	devices, kills, edits := testsize.Pick(5, 30), testsize.Pick(3, 15), testsize.Pick(10, 40)
	at := storetest.SharedPostgres(t).URL()
	witness := open(t, at, tandem.Options{Engine: hub.PostgreSQL()})
	b := newBalancer(t)
	nodes := []*process{startNode(t, at, ""), startNode(t, at, ""), startNode(t, at, "")}
	b.use(nodes...)
	endpoint := "ws://" + b.listener.Addr().String() + "/" + witness.db.Name()
	all := []member{witness}
	for range devices {
		all = append(all, device(t, endpoint))
	}
	var work sync.WaitGroup
	for d, m := range all[1:] {
		work.Go(func() {
			for i := range edits {
				m.save(t, fmt.Sprintf("own %d-%d", d, i), i)
				m.save(t, fmt.Sprint("common ", i%5), 1000*d+i)
			}
		})
	}
	for range kills {
		victim := rand.IntN(len(nodes))
		_ = nodes[victim].cmd.Process.Kill()
		nodes[victim] = startNode(t, at, "")
		b.use(nodes...)
	}
	work.Wait()
	agree(t, devices*edits+5, all...)
	s, _ := witness.db.NodeStatistics()
	if s.Incarnation != 1 {
		t.Errorf("the database has begun %d incarnations, and its server has lost nothing", s.Incarnation-1)
	}
	same := all[1].contents(t)
	for d := range devices {
		for i := range edits {
			if same[fmt.Sprintf("own %d-%d", d, i)] == "" {
				t.Errorf("document %d of device %d is lost", i, d)
			}
		}
	}
}
