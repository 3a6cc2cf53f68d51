package websocket

import (
	"bytes"
	"context"
	"io"
	"time"
	"unicode/utf8"
)

// Read returns the next message; the slice is valid until the next Read. A text message counts as
// binary if it is valid UTF-8; otherwise Read drops it, as LiteCore does. After the connection has
// ended, every Read returns the same error: a [*CloseError] if the peer closed or vanished, a
// *fault.Error if the peer broke the protocol (WebSocket/1002, 1009) or fell silent (Network/3), or
// the cause of ctx, whose end also ends the connection.
func (c *Conn) Read(ctx context.Context) ([]byte, error) {
	c.readMu.Lock()
	defer c.readMu.Unlock()
	return c.readLocked(ctx)
}

func (c *Conn) readLocked(ctx context.Context) ([]byte, error) {
	select {
	case <-c.dead:
		return nil, c.err
	default:
		c.release()
	}
	for {
		h, err := c.header(ctx, false)
		if err != nil {
			return nil, err
		}
		payload, err := c.payload(ctx, h)
		if err != nil {
			return nil, err
		}
		if h.opcode == opBinary || utf8.Valid(payload) {
			return payload, nil
		}
		c.release()
	}
}

// release frees the memory of the last message.
func (c *Conn) release() {
	c.discard(c.held)
	c.held = 0
	if cap(c.message) > readBuffer {
		c.message = nil
	}
	c.message = c.message[:0]
}

// header returns the header of the next data frame, after handling the control frames before it.
func (c *Conn) header(ctx context.Context, inside bool) (header, error) {
	for {
		h, err := c.anyHeader(ctx)
		if err != nil {
			return h, err
		}
		if wrong := h.check(c.client, inside); wrong != "" {
			return h, c.fail(1002, wrong)
		}
		if !h.isControl() {
			return h, nil
		}
		if err := c.takeControl(ctx, h); err != nil {
			return h, err
		}
	}
}

func (c *Conn) anyHeader(ctx context.Context) (header, error) {
	b, err := c.peek(ctx, 2)
	if err != nil {
		return header{}, err
	}
	size := headerSize(b)
	if b, err = c.peek(ctx, size); err != nil {
		return header{}, err
	}
	h := parseHeader(b)
	c.discard(size)
	return h, nil
}

// payload returns the message that h begins. If it came in one frame and fits the buffer, the slice
// points into the buffer.
func (c *Conn) payload(ctx context.Context, h header) ([]byte, error) {
	if h.final && h.length <= readBuffer && h.length <= uint64(c.limit) {
		p, err := c.peek(ctx, int(h.length))
		if err != nil {
			return nil, err
		}
		if h.masked {
			mask(p, h.key)
		}
		c.held = len(p)
		return p, nil
	}
	for {
		if err := c.collect(ctx, h); err != nil {
			return nil, err
		}
		if h.final {
			return c.message, nil
		}
		var err error
		if h, err = c.header(ctx, true); err != nil {
			return nil, err
		}
	}
}

// collect appends one frame's payload to message.
func (c *Conn) collect(ctx context.Context, h header) error {
	if h.length > uint64(c.limit-len(c.message)) {
		return c.fail(1009, "message is too long")
	}
	from, left := len(c.message), int(h.length)
	for left > 0 {
		p, err := c.peek(ctx, min(left, 4<<10)) // memory grows with received bytes, not with announced ones
		if err != nil {
			return err
		}
		c.message = append(c.message, p...)
		c.discard(len(p))
		left -= len(p)
	}
	if h.masked {
		mask(c.message[from:], h.key)
	}
	return nil
}

// peek waits until n bytes are buffered. It watches ctx only if it has to wait, which keeps reading
// from the buffer cheap.
func (c *Conn) peek(ctx context.Context, n int) ([]byte, error) {
	if c.in.buffered() < n {
		defer context.AfterFunc(ctx, func() { c.end(context.Cause(ctx)) })()
	}
	p, err := c.in.peek(n)
	if err != nil {
		return nil, c.endWith(dropped(err))
	}
	return p, nil
}

// discard drops bytes that peek has seen.
func (c *Conn) discard(n int) { c.in.discard(n) }

// source reads the early bytes, then the connection. It notes the time of each byte received.
func (c *Conn) source(early []byte) io.Reader {
	live := readerFunc(func(p []byte) (int, error) {
		n, err := c.nc.Read(p)
		if n > 0 {
			c.heard.Store(int64(time.Since(c.start)))
		}
		return n, err
	})
	if len(early) == 0 {
		return live
	}
	return io.MultiReader(bytes.NewReader(bytes.Clone(early)), live)
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }
