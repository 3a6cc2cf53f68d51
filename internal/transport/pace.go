package transport

import (
	"context"
	"net"
	"sync/atomic"

	"golang.org/x/time/rate"
)

// Pace bounds the bytes that several connections send and receive together. A nil Pace bounds nothing.
// It may be used from any goroutine.
type Pace struct {
	out, in *rate.Limiter
	chunk   int // bytes that one connection may move before the others get their turn
}

// MinPace is the least bound: with less, a peer seems to have gone while it waits for its turn.
const MinPace = 8 << 10 // bytes per second

// NewPace returns a bound of so many bytes per second, sent and received each, at least [MinPace].
func NewPace(bytesPerSecond int) *Pace {
	bytesPerSecond = max(MinPace, bytesPerSecond)
	chunk := min(16<<10, bytesPerSecond/16)
	limit := func() *rate.Limiter { return rate.NewLimiter(rate.Limit(bytesPerSecond), chunk) }
	return &Pace{out: limit(), in: limit(), chunk: chunk}
}

// of returns a connection that is at this pace from [begin] on: strangers, whose handshakes are bounded
// anyway, do not stand in the queue of those that are known.
func (p *Pace) of(nc net.Conn) net.Conn {
	if p == nil {
		return nc
	}
	open, closed := context.WithCancel(context.Background())
	return &pacedConn{Conn: nc, pace: p, open: open, closed: closed}
}

// begin has the pace count for a connection, if it has one. The other end has proved who it is.
func begin(nc net.Conn) {
	if c, ok := nc.(*pacedConn); ok {
		c.counts.Store(true)
	}
}

// pacedConn waits for its turn before it writes, and after it has read. Deadlines are noticed once the
// turn has come.
type pacedConn struct {
	net.Conn
	pace   *Pace
	counts atomic.Bool
	open   context.Context //nolint:containedctx // until the connection is closed
	closed context.CancelFunc
}

func (c *pacedConn) Write(p []byte) (written int, err error) {
	if !c.counts.Load() {
		return c.Conn.Write(p)
	}
	for len(p) > 0 && err == nil {
		part := p[:min(len(p), c.pace.chunk)]
		if c.pace.out.WaitN(c.open, len(part)) != nil {
			return written, net.ErrClosed
		}
		n := 0
		n, err = c.Conn.Write(part)
		written, p = written+n, p[n:]
	}
	return written, err
}

func (c *pacedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p[:min(len(p), c.pace.chunk)])
	if n > 0 && err == nil && c.counts.Load() && c.pace.in.WaitN(c.open, n) != nil {
		err = net.ErrClosed
	}
	return n, err
}

func (c *pacedConn) Close() error {
	c.closed()
	return c.Conn.Close()
}
