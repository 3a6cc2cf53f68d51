package websocket

import (
	"context"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// takeControl handles a received control frame.
func (c *Conn) takeControl(ctx context.Context, h header) error {
	p, err := c.peek(ctx, int(h.length))
	if err != nil {
		return err
	}
	p = append(make([]byte, 0, maxControl), p...)
	c.discard(len(p))
	if h.masked {
		mask(p, h.key)
	}
	switch h.opcode {
	case opPing:
		c.askPong(p)
	case opClose:
		return c.peerClosed(p)
	}
	return nil // a PONG only counts as a sign of life
}

// askPong requests a PONG for the latest PING; earlier ones may stay unanswered (RFC 6455 §5.5.3).
// The reader itself never writes: two peers with full buffers would wait for each other.
func (c *Conn) askPong(payload []byte) {
	for {
		select {
		case c.pongs <- payload:
			return
		case <-c.dead:
			return
		default:
		}
		select {
		case <-c.pongs:
		default:
		}
	}
}

// control sends PINGs and PONGs until the connection ends.
func (c *Conn) control() {
	defer close(c.stopped)
	for {
		select {
		case <-c.pings:
			c.sendControl(opPing, nil)
		case p := <-c.pongs:
			c.sendControl(opPong, p)
		case <-c.dead:
			return
		}
	}
}

func (c *Conn) sendControl(opcode byte, payload []byte) {
	c.writeMu.Lock()
	defer c.writeMu.Unlock()
	if !c.writableLocked() {
		return
	}
	c.appendLocked(opcode, payload)
	_ = c.sendLocked() // a failed send ends the connection, and the reader gets the error
}

// heartbeat watches for a silent peer.
type heartbeat struct {
	every time.Duration // silence before a PING
	grace time.Duration // further silence before the connection ends
	timer *time.Timer
}

func (b *heartbeat) begin(c *Conn, every time.Duration) {
	if every <= 0 {
		return
	}
	b.every, b.grace = every, min(20*time.Second, every-time.Second)
	if b.grace <= 0 {
		b.grace = every
	}
	b.timer = time.AfterFunc(time.Hour, c.beat)
	b.timer.Reset(every) // only now, when beat can see the timer
}

func (b *heartbeat) stop() {
	if b.timer != nil {
		b.timer.Stop()
	}
}

// beat runs when the peer may have been silent for too long. Any received byte is a sign of life.
// While nobody reads, silence proves nothing, so it starts over.
func (c *Conn) beat() {
	select {
	case <-c.dead:
		return
	default:
	}
	if c.readMu.TryLock() {
		c.readMu.Unlock()
		c.heard.Store(int64(time.Since(c.start)))
	}
	silence := time.Since(c.start) - time.Duration(c.heard.Load())
	b := &c.beats
	switch {
	case silence >= b.every+b.grace:
		c.end(fault.Timeout.Says("the peer has been silent for %v", silence.Round(time.Second)).
			Try("check that both devices are still on the network"))
	case silence >= b.every:
		select {
		case c.pings <- struct{}{}:
		default:
		}
		b.timer.Reset(b.every + b.grace - silence)
	default:
		b.timer.Reset(b.every - silence)
	}
}
