package websocket

import (
	"bufio"
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// flushAt is how many bytes Write collects before it pushes them out unasked.
	flushAt = 64 << 10
	// readBuffer holds a few of the largest frames that BLIP sends (16 KiB).
	readBuffer = 64 << 10
	// maxFrame is the usual largest message sent; longer ones grow the buffer for a while.
	maxFrame = 16<<10 + maxHeader
)

// Config tells what a [Conn] does. Its zero value is a server's without heartbeat.
type Config struct {
	// Client is true for the side that dialled: it masks what it sends.
	Client bool
	// Reader holds bytes that came along with the handshake's, or is nil.
	Reader *bufio.Reader
	// Limit is the longest message accepted, in bytes. Zero means 1 MiB.
	Limit int
	// Heartbeat is how long the peer may be silent before it gets a PING. Zero means never.
	Heartbeat time.Duration
}

// Conn is one WebSocket. See the package comment for what may be called at once.
type Conn struct {
	nc     net.Conn
	client bool
	limit  int

	start time.Time
	heard atomic.Int64 // nanoseconds from start to the last byte received
	beats heartbeat

	readMu  sync.Mutex // held by whoever reads; guards the following
	in      *window
	held    int    // bytes at the front of in that the last message occupies
	message []byte // the last message, if it came in parts or was too long for in

	writeMu   sync.Mutex // held by whoever writes; guards the following
	out       []byte     // whole frames, waiting to leave together
	lent      *block     // where out begins, or nil when it is empty
	closeSent bool

	pings   chan struct{} // asks for a PING
	pongs   chan []byte   // payloads to answer with a PONG
	dead    chan struct{} // closed when the connection has ended
	stopped chan struct{} // closed when the goroutine of control has ended

	endOnce sync.Once
	err     error // how it ended; read only after dead
}

// New makes a WebSocket of nc, which it owns from now on.
func New(nc net.Conn, cfg Config) *Conn {
	c := &Conn{
		nc: nc, client: cfg.Client, limit: cfg.Limit, start: time.Now(),
		pings: make(chan struct{}, 1), pongs: make(chan []byte, 1),
		dead: make(chan struct{}), stopped: make(chan struct{}),
	}
	if c.limit == 0 {
		c.limit = 1 << 20
	}
	var early []byte
	if cfg.Reader != nil {
		early, _ = cfg.Reader.Peek(cfg.Reader.Buffered())
	}
	c.in = newWindow(c.source(early))
	c.beats.begin(c, cfg.Heartbeat)
	go c.control()
	return c
}

// Write adds one binary message to those that leave at the next Flush, and flushes itself
// when 64 KiB are waiting. The end of ctx while bytes are leaving ends the connection,
// since a frame cut in two cannot be mended. It does not keep message.
func (c *Conn) Write(ctx context.Context, message []byte) error {
	if err := c.lockWrite(ctx); err != nil {
		return err
	}
	defer c.writeMu.Unlock()
	c.appendLocked(opBinary, message)
	if len(c.out) < flushAt {
		return nil
	}
	return c.pushLocked(ctx)
}

// Flush sends what Write kept back. The end of ctx before all has left ends the connection.
func (c *Conn) Flush(ctx context.Context) error {
	if err := c.lockWrite(ctx); err != nil {
		return err
	}
	defer c.writeMu.Unlock()
	return c.pushLocked(ctx)
}

// lockWrite locks writeMu, unless nothing can be written any more. Once a CLOSE is on its
// way it waits for the end, so that a writer does not take the connection down before the
// peer has answered.
func (c *Conn) lockWrite(ctx context.Context) error {
	c.writeMu.Lock()
	if c.writableLocked() {
		return nil
	}
	c.writeMu.Unlock()
	select {
	case <-c.dead:
		return c.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (c *Conn) writableLocked() bool {
	select {
	case <-c.dead:
		return false
	default:
		return !c.closeSent
	}
}

func (c *Conn) pushLocked(ctx context.Context) error {
	if len(c.out) == 0 {
		return nil
	}
	defer context.AfterFunc(ctx, func() { c.end(context.Cause(ctx)) })()
	return c.sendLocked()
}

func (c *Conn) appendLocked(opcode byte, payload []byte) {
	if c.lent == nil {
		c.lent = borrow()
		c.out = c.lent[:0]
	}
	c.out = appendFrame(c.out, opcode, payload, c.client)
}

func (c *Conn) sendLocked() error {
	_, err := c.nc.Write(c.out)
	c.lent.back()
	c.out, c.lent = nil, nil
	if err != nil {
		return c.endWith(dropped(err))
	}
	return nil
}
