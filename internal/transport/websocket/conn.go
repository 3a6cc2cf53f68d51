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
	// flushAt is the number of waiting bytes at which Write flushes by itself.
	flushAt = 64 << 10
	// readBuffer holds a few of the largest frames that BLIP sends (16 KiB).
	readBuffer = 64 << 10
	// maxFrame is the usual size of the largest message sent; a longer one grows the buffer for a
	// while.
	maxFrame = 16<<10 + maxHeader
)

// Config configures a [Conn]. Its zero value suits a server without heartbeat.
type Config struct {
	// Client is set on the side that dialled. It masks the frames it sends.
	Client bool
	// Reader holds bytes that arrived together with the handshake. It may be nil.
	Reader *bufio.Reader
	// Limit is the longest message accepted, in bytes. Zero means 1 MiB.
	Limit int
	// Heartbeat is the peer's silence after which it gets a PING. Zero means never.
	Heartbeat time.Duration
}

// Conn is one WebSocket. The package comment tells which methods may run concurrently.
type Conn struct {
	nc     net.Conn
	client bool
	limit  int

	start time.Time
	heard atomic.Int64 // nanoseconds from start to the last byte received
	beats heartbeat

	readMu  turn // held by the reader; guards the following
	in      *window
	held    int    // bytes at the front of in that the last message occupies
	message []byte // the last message, if it came in several frames or was too long for in

	writeMu   sync.Mutex // held by the writer; guards the following
	out       []byte     // whole frames that wait to be sent together
	lent      *block     // the memory of out; nil when out is empty
	closeSent bool

	pings   chan struct{} // asks for a PING
	pongs   chan []byte   // payloads to answer with a PONG
	dead    chan struct{} // closed when the connection ends
	stopped chan struct{} // closed when the goroutine of control ends

	endOnce sync.Once
	err     error // the error that ended the connection; read only after dead
}

// New returns a WebSocket on nc, and takes ownership of nc.
func New(nc net.Conn, cfg Config) *Conn {
	c := &Conn{
		nc: nc, client: cfg.Client, limit: cfg.Limit, start: time.Now(),
		pings: make(chan struct{}, 1), pongs: make(chan []byte, 1),
		dead: make(chan struct{}), stopped: make(chan struct{}), readMu: newTurn(),
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

// Write queues one binary message for the next Flush. It flushes by itself when 64 KiB are waiting.
// If ctx ends while bytes are being sent, the connection ends, because a half-sent frame cannot be
// completed later. Write does not retain message.
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

// Flush sends the queued messages. If ctx ends before all are sent, the connection ends.
func (c *Conn) Flush(ctx context.Context) error {
	if err := c.lockWrite(ctx); err != nil {
		return err
	}
	defer c.writeMu.Unlock()
	return c.pushLocked(ctx)
}

// lockWrite locks writeMu if the connection can still be written to. After a CLOSE it waits for the
// connection's end, so that a writer's error does not end it before the peer has answered.
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
