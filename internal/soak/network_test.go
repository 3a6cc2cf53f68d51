package soak_test

import (
	"io"
	"net"
	"sync"
	"testing"
)

// network lets connections through to one address, until it cuts them.
type network struct {
	listener net.Listener
	target   string
	work     sync.WaitGroup

	mu    sync.Mutex // guards the following
	conns map[net.Conn]bool
}

func newNetwork(t *testing.T, target string) *network {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := &network{listener: listener, target: target, conns: make(map[net.Conn]bool)}
	n.work.Go(n.accept)
	return n
}

func (n *network) address() string { return n.listener.Addr().String() }

func (n *network) accept() {
	for {
		from, err := n.listener.Accept()
		if err != nil {
			return // closed
		}
		to, err := net.Dial("tcp", n.target)
		if err != nil {
			from.Close() // as if nobody listened
			continue
		}
		n.work.Go(func() { n.carry(from, to) })
		n.work.Go(func() { n.carry(to, from) })
	}
}

func (n *network) carry(from, to net.Conn) {
	n.mu.Lock()
	n.conns[from] = true
	n.mu.Unlock()
	_, _ = io.Copy(to, from) // until one side ends
	from.Close()
	to.Close()
	n.mu.Lock()
	delete(n.conns, from)
	n.mu.Unlock()
}

func (n *network) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for conn := range n.conns {
		conn.Close()
	}
}

func (n *network) close() {
	n.listener.Close()
	n.cut()
	n.work.Wait()
}
