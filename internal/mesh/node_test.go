package mesh_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/tandemdb/tandem/internal/mesh"
	"github.com/tandemdb/tandem/internal/mesh/overlay"
	"github.com/tandemdb/tandem/internal/testsize"
)

// net is a network in memory, whose connections are pairs of channels.
type net struct {
	t     testing.TB
	mu    sync.Mutex // guards the following
	nodes map[string]*host
}

type host struct {
	id   mesh.ID
	node *mesh.Node
	stop context.CancelFunc
	done chan struct{}
}

// conn is one end of a connection.
type conn struct {
	peer    mesh.ID
	address string
	in, out chan []byte
	closed  chan struct{}
	once    *sync.Once
}

func (c *conn) Peer() mesh.ID   { return c.peer }
func (c *conn) Address() string { return c.address }
func (c *conn) Abort()          { c.once.Do(func() { close(c.closed) }) }

func newNet(t testing.TB) *net {
	return &net{t: t, nodes: map[string]*host{}}
}

// start starts a node that is reached at its name, and knows the addresses of others.
func (n *net) start(name string, knows ...string) *host {
	h := &host{done: make(chan struct{})}
	copy(h.id[:], name)
	address := name + ":1"
	h.node = mesh.New(mesh.Config{
		Self: h.id, Name: name, Hand: knows, Addresses: func() []string { return []string{address} },
		Dial:  func(_ context.Context, to string) (mesh.Conn, error) { return n.dial(h, to) },
		Serve: n.serve,
	})
	ctx, cancel := context.WithCancel(context.Background())
	h.stop = cancel
	go func() {
		defer close(h.done)
		h.node.Run(ctx)
	}()
	n.mu.Lock()
	n.nodes[address] = h
	n.mu.Unlock()
	n.t.Cleanup(func() { n.end(h) })
	return h
}

func (n *net) end(h *host) {
	n.mu.Lock()
	for address, other := range n.nodes {
		if other == h {
			delete(n.nodes, address)
		}
	}
	n.mu.Unlock()
	h.stop()
	<-h.done
}

func (n *net) dial(from *host, address string) (mesh.Conn, error) {
	n.mu.Lock()
	to := n.nodes[address]
	n.mu.Unlock()
	if to == nil {
		return nil, errors.New("nobody is there")
	}
	a, b, closed, once := make(chan []byte, 1000), make(chan []byte, 1000), make(chan struct{}), new(sync.Once)
	go func() { _ = to.node.Accept(&conn{from.id, "?", a, b, closed, once}) }()
	return &conn{to.id, address, b, a, closed, once}, nil
}

func (n *net) serve(ctx context.Context, l *mesh.Link) error {
	c := l.Conn.(*conn)
	l.Attach(func(body []byte) error {
		select {
		case c.out <- body:
		case <-c.closed:
		}
		return nil
	}, nil)
	for {
		select {
		case <-ctx.Done():
			c.Abort()
			return context.Cause(ctx)
		case <-c.closed:
			return errors.New("connection lost")
		case body := <-c.in:
			l.Hear(body)
		}
	}
}

func (h *host) online() (names []string) {
	for _, p := range h.node.Peers() {
		if p.Online {
			names = append(names, p.Name)
		}
	}
	slices.Sort(names)
	return names
}

func await(t testing.TB, what string, holds func() bool) {
	t.Helper()
	if !testsize.Eventually(testsize.Patience, holds) {
		t.Fatalf("not in time: %s", what)
	}
}

// TestNodesFindEachOtherByOneAddress goes on after the one at that address has gone.
func TestNodesFindEachOtherByOneAddress(t *testing.T) {
	n := newNet(t)
	first := n.start("a")
	others := []*host{}
	for i := range 6 {
		others = append(others, n.start(fmt.Sprintf("b%d", i), "a:1", "nobody:1"))
	}
	await(t, "all see all", func() bool { return len(first.online()) == 6 && len(others[3].online()) == 6 })
	n.end(first)
	for _, h := range others {
		await(t, "the others see each other, and not the first", func() bool {
			return strings.Join(h.online(), "") == strings.ReplaceAll("b0b1b2b3b4b5", nameOf(h), "")
		})
		if hands := h.node.Hands(); !hands[0].Found || hands[1].Found || hands[1].Trouble == "" {
			t.Errorf("the addresses given by hand: %+v, want the first found, the second not, with the reason", hands)
		}
	}
	n.start("a")
	for _, h := range others {
		await(t, "the first is found again", func() bool { return len(h.online()) == 6 })
	}
}

func nameOf(h *host) string { return strings.TrimRight(string(h.id[:]), "\x00") }

// TestANodeThatDialsItselfStops learns that an address is its own.
func TestANodeThatDialsItselfStops(t *testing.T) {
	n := newNet(t)
	h := n.start("a", "a:1")
	await(t, "the address is known", func() bool { return h.node.Hands()[0].Found })
	if links := h.node.Links(); len(links) != 0 {
		t.Errorf("%d links with itself", len(links))
	}
}

// TestAFloodEndsTheLink says more than is allowed, what is no message, and what is too long.
func TestAFloodEndsTheLink(t *testing.T) {
	var records []*overlay.Record
	for i := range overlay.MaxRecords {
		r := &overlay.Record{Version: 1, Name: "made up", Addresses: []string{"192.0.2.1:1"}}
		copy(r.ID[:], fmt.Sprintf("made up %d", i))
		records = append(records, r)
	}
	many, err := json.Marshal(&overlay.Message{Records: records})
	if err != nil {
		t.Fatal(err)
	}
	for name, say := range map[string]func(l *mesh.Link){
		"many": func(l *mesh.Link) {
			for range 5 << 20 / len(many) {
				l.Hear(many)
			}
		},
		"rubbish": func(l *mesh.Link) { l.Hear([]byte("{")) },
		"long":    func(l *mesh.Link) { l.Hear([]byte(`{"x":"` + strings.Repeat("x", 1<<20) + `"}`)) },
	} {
		ended := make(chan error, 1)
		id := mesh.ID{1}
		node := mesh.New(mesh.Config{
			Self: mesh.ID{2}, Dial: func(context.Context, string) (mesh.Conn, error) { return nil, errors.New("no") },
			Serve: func(ctx context.Context, l *mesh.Link) error {
				say(l)
				<-ctx.Done()
				ended <- context.Cause(ctx)
				return context.Cause(ctx)
			},
		})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			node.Run(ctx)
		}()
		await(t, "the node runs", func() bool { // until then, it refuses
			_ = node.Accept(&conn{id, "?", nil, nil, make(chan struct{}), new(sync.Once)})
			return len(ended) > 0
		})
		if err := <-ended; !errors.Is(err, mesh.ErrFlood) {
			t.Errorf("%s: the link ended with %v, want %v", name, err, mesh.ErrFlood)
		}
		if peers := node.Peers(); len(peers) > overlay.MaxRecords+1 {
			t.Errorf("%s: %d peers are known", name, len(peers))
		}
		cancel()
		<-done
	}
}
