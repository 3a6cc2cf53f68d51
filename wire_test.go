package tandem_test

import (
	"net"
	"net/url"
	"sync"
	"testing"
)

// wire is a TCP proxy in front of a listener, which a test can cut, mend and freeze.
type wire struct {
	listener net.Listener
	to       string
	all      sync.WaitGroup

	mu     sync.Mutex // guards the following
	broken bool
	frozen chan struct{} // closed when it thaws; nil while it is not frozen
	left   int           // bytes to carry until it cuts itself, once; 0 for no such plan
	conns  map[net.Conn]struct{}
}

// newWire returns a wire to the listener at an address, and the address of its near end.
func newWire(t testing.TB, address string) (w *wire, near string) {
	t.Helper()
	u, err := url.Parse(address)
	check(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	w = &wire{listener: l, to: u.Host, conns: make(map[net.Conn]struct{})}
	w.all.Go(w.accept)
	t.Cleanup(func() {
		_ = l.Close()
		w.thaw()
		w.cut()
		w.all.Wait()
	})
	u.Host = l.Addr().String()
	return w, u.String()
}

func (w *wire) accept() {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		server, err := net.Dial("tcp", w.to)
		if err != nil {
			drop(client)
			continue
		}
		if !w.enter(client, server) {
			continue
		}
		w.all.Go(func() { w.carry(client, server) })
		w.all.Go(func() { w.carry(server, client) })
	}
}

func (w *wire) enter(client, server net.Conn) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.broken {
		drop(client)
		drop(server)
		return false
	}
	w.conns[client], w.conns[server] = struct{}{}, struct{}{}
	return true
}

// carry copies one direction until either end is gone.
func (w *wire) carry(from, to net.Conn) {
	defer func() { _ = to.Close() }()
	buffer := make([]byte, 4<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			n = w.toll(n)
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// toll lets n bytes pass, or as many of them as are left until the cut.
func (w *wire) toll(n int) int {
	w.mu.Lock()
	frozen := w.frozen
	w.mu.Unlock()
	if frozen != nil {
		<-frozen
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.left == 0 {
		return n
	}
	n = min(n, w.left)
	if w.left -= n; w.left == 0 {
		w.cutLocked()
	}
	return n
}

// cut drops all connections without a goodbye, and those to come.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = true
	w.cutLocked()
}

// cutOnceAfter drops all connections when n more bytes were carried; those to come hold.
func (w *wire) cutOnceAfter(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.left = n
}

func (w *wire) planned() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.left > 0
}

func (w *wire) cutLocked() {
	for c := range w.conns {
		drop(c)
	}
	clear(w.conns)
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.broken = false
}

// freeze carries nothing any more, and says so to nobody.
func (w *wire) freeze() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.frozen == nil {
		w.frozen = make(chan struct{})
	}
}

func (w *wire) thaw() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.frozen != nil {
		close(w.frozen)
		w.frozen = nil
	}
}

// drop resets a connection.
func drop(c net.Conn) {
	if tcp, ok := c.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0)
	}
	_ = c.Close()
}
