package blip

import (
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// Time is counted in coarse ticks, so that noting progress needs no clock.
const (
	ticksPerTimeout = 16
	patience        = 10 // timeouts that an unanswered request may take while the peer is busy with other work
	lingerTime      = time.Second
)

// clock holds the current tick, and the ticks when each direction last moved.
type clock struct {
	tick, heard, written atomic.Int64

	streamed int64 // when a piece of a streamed reply was last sent; guarded by Conn.mu
}

func (k *clock) now() int64   { return k.tick.Load() }
func (k *clock) markHeard()   { k.heard.Store(k.tick.Load()) }
func (k *clock) markWritten() { k.written.Store(k.tick.Load()) }

// supervise watches the connection until it ends: it detects requests without progress, sends the
// CLOSE that Close asks for, and drops a pipe that cannot be written any more.
func (c *Conn) supervise() {
	ticks, stop := c.startTicks()
	defer stop()
	var closeDeadline, linger <-chan time.Time
	closeAsked, writerDone := c.closeAsked, c.writerDone
	for {
		select {
		case <-c.ended:
			return
		case <-ticks:
			c.clock.tick.Add(1)
			if err := c.findStalled(); err != nil {
				c.Abort(err)
				return
			}
		case <-closeAsked:
			closeAsked, closeDeadline = nil, time.After(c.cfg.CloseTimeout)
		case <-writerDone:
			if c.writerDrained() {
				c.sendClose()
				return
			}
			// The peer may have sent its reason: give the reader time to receive it.
			writerDone, linger = nil, time.After(lingerTime)
		case <-closeDeadline:
			c.sendClose()
			return
		case <-linger:
			_ = c.pipe.Abort()
			return
		}
	}
}

func (c *Conn) startTicks() (ticks <-chan time.Time, stop func()) {
	if c.cfg.ReplyTimeout < 0 {
		return nil, func() {}
	}
	t := time.NewTicker(max(c.cfg.ReplyTimeout/ticksPerTimeout, time.Millisecond))
	return t.C, t.Stop
}

func (c *Conn) writerDrained() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.writeErr == nil
}

// sendClose sends the CLOSE, waits for the echo, and ends the pipe.
func (c *Conn) sendClose() {
	c.mu.Lock()
	if c.over {
		c.mu.Unlock()
		return
	}
	c.closeSent = true
	c.mu.Unlock()
	err := withFault(c.pipe.Close(c.closeCode, c.closeReason))
	_ = c.pipe.Abort()
	c.mu.Lock()
	c.closeErr = err
	c.mu.Unlock()
}

// findStalled returns an error if a message has not moved for too long.
func (c *Conn) findStalled() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.clock.now()
	written := c.clock.written.Load()
	if c.queue.len() > 0 && now-written > ticksPerTimeout && c.queueIsOldLocked(now) {
		return fault.Timeout.In("send message", "").Says("peer takes no data")
	}
	for _, o := range c.partial {
		if o.parked && c.stalledLocked(o, now) {
			return fault.Timeout.In("send message", "").Says("peer does not acknowledge message %d", o.number)
		}
	}
	for o := range c.pending.all() {
		if o.sentAll && c.stalledLocked(o, now) {
			return fault.Timeout.In("await reply", "").Says("peer does not answer request %d (%s)",
				o.number, o.msg.Properties.Value("Profile"))
		}
	}
	return nil
}

// stalledLocked reports whether o has made no progress for too long. A peer may not answer before
// it has received the whole stream that is being sent to it, however long that takes.
func (c *Conn) stalledLocked(o *outgoing, now int64) bool {
	still := now - o.progress
	quiet := now - c.clock.heard.Load()
	unserved := now - max(o.progress, c.clock.streamed)
	return unserved > patience*ticksPerTimeout || still > ticksPerTimeout && quiet > ticksPerTimeout
}

// queueIsOldLocked reports whether the next message in the queue has waited too long.
func (c *Conn) queueIsOldLocked(now int64) bool {
	next := c.queue.peek()
	return next != nil && now-next.progress > ticksPerTimeout
}
