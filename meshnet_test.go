package tandem_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/store"
)

// airwaves is a network in memory. Packets between devices that do not reach each other vanish in silence.
type airwaves struct {
	bytes atomic.Int64 // that have passed

	mu        sync.Mutex // guards the following
	listeners map[string]*airListener
	reaches   func(from, to string) bool // hosts; nil means that all reach each other
}

func newAirwaves() *airwaves { return &airwaves{listeners: make(map[string]*airListener)} }

func (w *airwaves) set(reaches func(from, to string) bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.reaches = reaches
}

func (w *airwaves) pass(from, to string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.reaches == nil || w.reaches(from, to)
}

// listen returns what [tandem.MultipeerReplicator.UseNetwork] wants, for a device at an address that may change.
func (w *airwaves) listen(host func() string) func() net.Listener {
	return func() net.Listener {
		l := &airListener{w: w, host: host(), come: make(chan net.Conn), closed: make(chan struct{})}
		w.mu.Lock()
		w.listeners[l.Addr().String()] = l
		w.mu.Unlock()
		return l
	}
}

func (w *airwaves) dial(host func() string) func(ctx context.Context, address string) (net.Conn, error) {
	return func(ctx context.Context, address string) (net.Conn, error) {
		from := host()
		to, _, err := net.SplitHostPort(address)
		if err != nil {
			return nil, err
		}
		if !w.pass(from, to) {
			<-ctx.Done()
			return nil, ctx.Err()
		}
		w.mu.Lock()
		l := w.listeners[address]
		w.mu.Unlock()
		if l == nil {
			return nil, errors.New("nobody is there")
		}
		near, far := w.connect(from, to)
		select {
		case l.come <- far:
			return near, nil
		case <-l.closed:
			return nil, errors.New("nobody is there any more")
		}
	}
}

type airListener struct {
	w      *airwaves
	host   string
	come   chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (l *airListener) Accept() (net.Conn, error) {
	select {
	case c := <-l.come:
		return c, nil
	case <-l.closed:
		return nil, net.ErrClosed
	}
}

func (l *airListener) Addr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(l.host), Port: 4984} }

func (l *airListener) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.w.mu.Lock()
		defer l.w.mu.Unlock()
		if l.w.listeners[l.Addr().String()] == l {
			delete(l.w.listeners, l.Addr().String())
		}
	})
	return nil
}

// airConn is one end of a connection. Once something has vanished, nothing comes through any more. Writing never
// waits: what does would hold locks, and the clock of a bubble with them.
type airConn struct {
	w        *airwaves
	from, to string
	lost     atomic.Bool
	in, out  *stream
	quit     chan struct{}
	once     sync.Once

	mu       sync.Mutex // guards the following
	deadline chan struct{}
	timer    *time.Timer
}

// stream is one direction of a connection.
type stream struct {
	mu    sync.Mutex // guards the following
	bytes []byte
	ended bool
	news  chan struct{} // capacity 1
}

func newStream() *stream { return &stream{news: make(chan struct{}, 1)} }

func (s *stream) add(b []byte, end bool) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return net.ErrClosed
	}
	s.bytes, s.ended = append(s.bytes, b...), end
	select {
	case s.news <- struct{}{}:
	default:
	}
	return nil
}

func (s *stream) take(b []byte) (n int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n = copy(b, s.bytes)
	if s.bytes = s.bytes[n:]; n == 0 && s.ended {
		return 0, io.EOF
	}
	return n, nil
}

func (w *airwaves) connect(from, to string) (near, far *airConn) {
	a, b := newStream(), newStream()
	near = &airConn{w: w, from: from, to: to, in: a, out: b, quit: make(chan struct{})}
	far = &airConn{w: w, from: to, to: from, in: b, out: a, quit: make(chan struct{})}
	return near, far
}

func (c *airConn) Read(b []byte) (int, error) {
	for {
		if n, err := c.in.take(b); n > 0 || err != nil {
			return n, err
		}
		c.mu.Lock()
		deadline := c.deadline
		c.mu.Unlock()
		select {
		case <-c.in.news:
		case <-deadline:
			return 0, os.ErrDeadlineExceeded
		case <-c.quit:
			return 0, net.ErrClosed
		}
	}
}

func (c *airConn) Write(b []byte) (int, error) {
	select {
	case <-c.quit:
		return 0, net.ErrClosed
	default:
	}
	if c.lost.Load() || !c.w.pass(c.from, c.to) {
		c.lost.Store(true)
		return len(b), nil
	}
	c.w.bytes.Add(int64(len(b)))
	return len(b), c.out.add(b, false)
}

func (c *airConn) Close() error {
	c.once.Do(func() {
		close(c.quit)
		if !c.lost.Load() && c.w.pass(c.from, c.to) {
			_ = c.out.add(nil, true)
		}
	})
	return nil
}

func (c *airConn) SetReadDeadline(at time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.timer != nil {
		c.timer.Stop()
	}
	passed := make(chan struct{})
	if c.deadline, c.timer = passed, nil; !at.IsZero() {
		c.timer = time.AfterFunc(time.Until(at), func() { close(passed) })
	}
	select { // the reader takes the new one
	case c.in.news <- struct{}{}:
	default:
	}
	return nil
}

func (c *airConn) SetDeadline(at time.Time) error { return c.SetReadDeadline(at) }

func (c *airConn) SetWriteDeadline(time.Time) error { return nil }

func (c *airConn) RemoteAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(c.to), Port: 4984} }

func (c *airConn) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.ParseIP(c.from), Port: 4984} }

// plainDisk is the disk of the machine, without the watch over other processes, who have no place in simulated time.
type plainDisk struct{}

func (plainDisk) VFS() string                           { return "" }
func (plainDisk) Step(store.Step, string, string) error { return nil }

// airHost is the address of the i-th device.
func airHost(i int) string { return fmt.Sprintf("10.0.%d.%d", i/250, i%250+1) }

// TestSilenceIsNoEnd: what is lost on the airwaves does not close a connection.
func TestSilenceIsNoEnd(t *testing.T) {
	w := newAirwaves()
	l := w.listen(func() string { return "10.0.0.1" })()
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err == nil {
			_, _ = c.Write([]byte("a"))
		}
	}()
	c, err := w.dial(func() string { return "10.0.0.2" })(t.Context(), l.Addr().String())
	check(t, err)
	defer c.Close()
	if n, err := c.Read(make([]byte, 2)); n != 1 || err != nil {
		t.Errorf("read %d, %v", n, err)
	}
	w.set(func(string, string) bool { return false })
	if n, err := c.Write([]byte("gone")); n != 4 || err != nil {
		t.Errorf("wrote %d, %v", n, err)
	}
}
