package blip

// begin gives a new request its number, and registers it for a reply.
func (c *Conn) begin(o *outgoing) {
	if !o.isNewRequest() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.lastNumber++
	o.number = c.lastNumber
	if o.flags&NoReply == 0 {
		c.pending.add(o)
	}
}

// sentPiece accounts for a sent frame of size bytes. The message continues if more is set.
func (c *Conn) sentPiece(o *outgoing, piece, size int, more bool) {
	c.mu.Lock()
	o.sent += int64(size)
	o.progress = c.clock.now()
	if o.msg.BodyReader != nil && !o.isRequest() {
		c.clock.streamed = o.progress
	}
	c.unqueueLocked(o, int64(piece), more)
	switch {
	case !more:
		o.sentAll = true
		delete(c.partial, o.key())
		c.held.Add(-o.held)
	case o.windowOpen():
		c.partial[o.key()] = o
		c.queue.add(o)
	default:
		c.partial[o.key()] = o
		o.parked = true
	}
	c.mu.Unlock()
	if !more {
		o.closeBody()
	}
}

// unqueueLocked removes n sent bytes from the queue's count, or all remaining ones at the end of a
// message.
func (c *Conn) unqueueLocked(o *outgoing, n int64, more bool) {
	if !more || n > o.weight {
		n = o.weight
	}
	o.weight -= n
	c.queued -= n
	kept := c.waiters[:0]
	for _, w := range c.waiters {
		if c.queued <= w.limit {
			close(w.ready)
		} else {
			kept = append(kept, w)
		}
	}
	c.waiters = kept
}

// acknowledge notes how much of a message the peer has received, and resumes sending if that opens
// the window.
func (c *Conn) acknowledge(key partialKey, total uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.partial[key]
	if o == nil {
		return // the message is complete already, which is normal
	}
	o.acked = max(o.acked, int64(min(total, uint64(o.sent)))) //nolint:gosec // both are in range
	o.progress = c.clock.now()
	if o.parked && o.windowOpen() {
		o.parked = false
		c.queue.add(o)
		c.wake.Signal()
	}
}

// dropUnreadable handles a body that cannot be read. A message that has not begun fails alone. A
// begun message cannot be recalled, so it ends the connection.
func (c *Conn) dropUnreadable(o *outgoing, err error) error {
	switch {
	case o.isNewRequest():
		c.mu.Lock()
		c.unqueueLocked(o, 0, false)
		c.mu.Unlock()
		o.closeBody()
		c.finish(o, nil, err)
		return nil
	case o.sent == 0:
		o.closeBody()
		o.fail(err)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.queue.add(o)
		return nil
	default:
		c.Abort(err)
		return err
	}
}
