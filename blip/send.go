package blip

import (
	"context"
	"io"
	"sync"

	"github.com/tandemdb/tandem/internal/fault"
)

// Send queues a request and returns at once. Requests begin in the order of Send.
//
// Unless Send returns an error, done is called exactly once: with the reply, with an *[Error] if
// the reply is one, or with the error that prevented a reply. It runs on the Conn's own goroutines
// and must not block. It may be nil, and is ignored for NoReply. Send itself fails if the wire
// cannot carry the properties, or the connection is closing or has ended.
func (c *Conn) Send(m *Message, done func(*Reply, error)) error {
	if err := m.Properties.validate(); err != nil {
		m.closeBody()
		return err
	}
	if m.NoReply {
		done = nil
	}
	c.mu.Lock()
	if err := c.refusalLocked(); err != nil {
		c.mu.Unlock()
		m.closeBody()
		return err
	}
	c.enqueueLocked(newRequest(m, done))
	c.mu.Unlock()
	return nil
}

// Call sends a request and waits for its reply or the end of ctx. After it has returned, nothing is
// written to m's Sink.
func (c *Conn) Call(ctx context.Context, m *Message) (*Reply, error) {
	type answer struct {
		reply *Reply
		err   error
	}
	if m.NoReply {
		return nil, fault.Invalid.In("call", m.Properties.Value("Profile")).Says("NoReply request has no reply")
	}
	answers := make(chan answer, 1)
	var sink *detachable
	if m.Sink != nil {
		sink = &detachable{w: m.Sink}
		request := *m
		request.Sink = sink
		m = &request
	}
	if err := c.Send(m, func(r *Reply, err error) { answers <- answer{r, err} }); err != nil {
		return nil, err
	}
	select {
	case a := <-answers:
		return a.reply, a.err
	case <-ctx.Done():
		sink.detach()
		return nil, ctx.Err()
	}
}

// Queued returns the bytes of outgoing messages that are not sent yet, so that senders can hold
// back. A BodyReader does not count.
func (c *Conn) Queued() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.queued
}

// WaitQueued waits until Queued is at most limit. It returns an error if ctx or the connection ends
// first.
func (c *Conn) WaitQueued(ctx context.Context, limit int64) error {
	c.mu.Lock()
	if c.outcome != nil || c.queued <= limit {
		defer c.mu.Unlock()
		return c.outcome
	}
	w := waiter{limit, make(chan struct{})}
	c.waiters = append(c.waiters, w)
	c.mu.Unlock()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-w.ready:
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.outcome
}

// waiter is a call of WaitQueued.
type waiter struct {
	limit int64
	ready chan struct{}
}

// refusalLocked returns the reason why nothing can be sent any more, or nil.
func (c *Conn) refusalLocked() error {
	switch {
	case c.outcome != nil:
		return c.outcome
	case c.closing:
		return fault.NotConnected.In("send message", "").Says("connection is closing")
	default:
		return nil
	}
}

func (c *Conn) enqueueLocked(o *outgoing) {
	o.progress = c.clock.now()
	c.queued += o.weight
	c.queue.add(o)
	c.wake.Signal()
}

// sendReply queues a reply. After the end of the connection it drops the reply.
func (c *Conn) sendReply(r *Request, kind Flags, m *Message) {
	c.mu.Lock()
	refused := c.refusalLocked() != nil
	if !refused {
		c.enqueueLocked(newReply(r, kind, m))
	}
	c.mu.Unlock()
	if refused {
		m.closeBody()
	}
}

// detachable is a writer that can be detached from its users.
type detachable struct {
	mu sync.Mutex // guards the following
	w  io.Writer
}

func (d *detachable) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.w == nil {
		return 0, context.Canceled
	}
	return d.w.Write(p)
}

// detach waits for the running Write, and makes later ones fail. It accepts nil.
func (d *detachable) detach() {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.w = nil
}
