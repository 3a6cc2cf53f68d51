package blip

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/tandemdb/tandem/internal/fault"
)

// Conn speaks BLIP_3 over a [Pipe]. [Conn.Run] does all the work. The other methods are safe for
// concurrent use, before, during and after Run, and do not block unless documented.
type Conn struct {
	pipe  Pipe
	cfg   Config
	stats counters
	clock clock
	held  atomic.Int64 // bytes held because of the peer

	closeAsked chan struct{} // closed by Close
	writerDone chan struct{} // closed when the writer has returned
	ended      chan struct{} // closed when the connection ends

	mu         sync.Mutex // guards the following
	wake       sync.Cond  // tells the writer about changes to the fields below
	started    bool
	queue      schedule
	acks       []ack
	lastNumber uint64                   // of the requests begun
	pending    pending                  // requests without a complete reply
	partial    map[partialKey]*outgoing // messages with some frames sent and some not
	queued     int64                    // bytes unsent
	waiters    []waiter

	closing     bool // Close was called
	closeCode   int
	closeReason string
	closeSent   bool
	closeErr    error // the error of sendClose, once closeSent
	over        bool  // nothing is accepted for sending any more
	abortErr    error
	writeErr    error
	outcome     error // the error for sends after the end
}

type partialKey struct {
	number  uint64
	request bool
}

type ack struct {
	number, total uint64
	kind          Flags
}

// NewConn returns a connection over pipe and takes ownership of pipe. The caller must call Run. If
// cfg fails Config.Validate, Run fails at once.
func NewConn(pipe Pipe, cfg Config) *Conn {
	c := &Conn{
		pipe:       pipe,
		cfg:        cfg.withDefaults(),
		closeAsked: make(chan struct{}),
		writerDone: make(chan struct{}),
		ended:      make(chan struct{}),
		partial:    make(map[partialKey]*outgoing),
	}
	c.wake.L = &c.mu
	return c
}

// Run carries messages until the connection ends, and leaves no goroutine. It may be called once.
//
// Run returns nil after our own Close if the peer has echoed it. Otherwise it returns the error
// that ended the connection: a *[CloseError] if the peer closed or the link dropped, [ErrProtocol]
// if the peer broke the protocol, [ErrTooBig] if it sent too much, [ErrTimeout] if it went silent,
// the error given to Abort, or the error of ctx.
func (c *Conn) Run(ctx context.Context) error {
	if !c.start() {
		return fault.Invalid.In("run connection", "").Says("Run was called twice")
	}
	if err := c.cfg.Validate(); err != nil {
		c.end(err, true)
		_ = c.pipe.Abort()
		return c.finishAll(err)
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var tasks sync.WaitGroup
	tasks.Go(func() { c.write(ctx) })
	tasks.Go(c.supervise)

	err, ours := c.read(ctx)
	c.end(err, ours)
	c.hangUp(err, ours, ctx.Err() != nil)
	cancel()
	tasks.Wait()
	c.mu.Lock()
	outcome := c.resultLocked(err, ours)
	c.mu.Unlock()
	return c.finishAll(outcome)
}

// start reports whether this is the first call.
func (c *Conn) start() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	first := !c.started
	c.started = true
	return first
}

// end stops the writer and the supervisor after the reader has ended with err. From now on sends fail
// with the error that Run returns.
func (c *Conn) end(err error, ours bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	if !c.closeSent {
		c.outcome = c.resultLocked(err, ours)
	}
	close(c.ended)
	c.wake.Broadcast()
}

// hangUp ends the pipe after the reader has ended with err. If ours is set, the peer is told err.
func (c *Conn) hangUp(err error, ours, canceled bool) {
	c.mu.Lock()
	goodbye := c.closeSent
	aborted := c.abortErr != nil
	c.mu.Unlock()
	if goodbye && !canceled && !aborted {
		return // sendClose waits for the echo and ends the pipe
	}
	if ours && !aborted && !goodbye {
		_ = c.pipe.Close(closeCodeOf(err), clipReason(errorText(err))) // Run returns err, not this failure
	}
	_ = c.pipe.Abort()
}

// resultLocked chooses, of the errors of reader and writer, the one that explains the end.
func (c *Conn) resultLocked(readErr error, ours bool) error {
	var closed *CloseError
	switch {
	case c.abortErr != nil:
		return c.abortErr
	case c.closeSent && !ours:
		return c.closeErr
	case ours, errors.As(readErr, &closed) && closed.Code != closeDropped, c.writeErr == nil:
		return readErr
	default:
		return c.writeErr
	}
}

// finishAll completes every request that has no reply.
func (c *Conn) finishAll(outcome error) error {
	c.mu.Lock()
	err := outcome
	if c.closeSent {
		err = fault.NotConnected.In("send message", "").Says("connection is closed").Because(outcome)
	}
	c.outcome = err
	open := c.queue.drain()
	for _, o := range c.partial {
		open = append(open, o)
	}
	for o := range c.pending.all() {
		open = append(open, o)
	}
	clear(c.partial)
	c.pending = pending{}
	waiters := c.waiters
	c.waiters, c.queued, c.acks = nil, 0, nil
	c.mu.Unlock()

	for _, w := range waiters {
		close(w.ready)
	}
	for _, o := range open {
		o.closeBody()
		c.finish(o, nil, err)
	}
	return outcome
}

// finish calls done, once.
func (c *Conn) finish(o *outgoing, reply *Reply, err error) {
	c.mu.Lock()
	first := !o.finished
	o.finished = true
	c.mu.Unlock()
	if first && o.done != nil {
		o.done(reply, err)
	}
}

// Close sends the queued messages and then a WebSocket close code, and Run returns. From now on
// sends are refused. The reason is cut to 123 bytes. Closing twice is harmless; only the first code
// counts.
func (c *Conn) Close(code int, reason string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closing {
		return
	}
	c.closing, c.closeCode, c.closeReason = true, code, clipReason(reason)
	close(c.closeAsked)
	c.wake.Broadcast()
}

// Abort drops the connection at once. Run returns err, or [ErrAborted] if err is nil.
func (c *Conn) Abort(err error) {
	if err == nil {
		err = fault.ConnectionAborted.In("run connection", "")
	}
	c.mu.Lock()
	if c.abortErr == nil {
		c.abortErr = err
	}
	c.mu.Unlock()
	_ = c.pipe.Abort() // wakes the reader, which ends the rest
}

// closeCodeOf returns the WebSocket close code for err.
func closeCodeOf(err error) int {
	f := fault.Of(err)
	if f != nil && f.Domain == fault.WebSocket && (f.Code == closeProtocol || f.Code == closeTooBig) {
		return f.Code
	}
	return closeInternal
}

// errorText returns the reason to send for err.
func errorText(err error) string {
	if f := fault.Of(err); f != nil {
		return f.Message
	}
	return err.Error()
}

// clipReason cuts a text to the longest reason that a close frame can carry.
func clipReason(text string) string {
	const most = 123
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "")
}
