package blip

import (
	"context"
	"runtime"
)

// writer is the sending goroutine. It owns the deflate stream, the checksum and the writing end of
// the pipe.
type writer struct {
	conn   *Conn
	enc    *Encoder
	budget budget
	plain  []byte // scratch: a piece of a message
	frame  []byte // scratch: the frame with that piece
	dirty  bool   // the pipe may hold back frames
}

// frameReserve is the space that a frame may need in addition to its piece of a message.
const (
	frameReserve   = maxHeader + checksumSize
	deflateReserve = 32
)

// idleScratch is the most memory that an idle writer keeps for its next frame, in bytes.
const idleScratch = 4 << 10

// write sends until the connection ends, or is closing and drained.
func (c *Conn) write(ctx context.Context) {
	w := &writer{
		conn:   c,
		enc:    NewEncoder(c.cfg.Level),
		budget: newBudget(c.cfg.Compression),
	}
	err := w.run(ctx)
	w.enc.Close()
	c.mu.Lock()
	if !c.over { // otherwise the end of the connection has caused err
		c.writeErr = withFault(err)
	}
	c.mu.Unlock()
	close(c.writerDone)
}

func (w *writer) run(ctx context.Context) error {
	for {
		job, ok := w.conn.nextJob(w.dirty)
		var err error
		switch {
		case !ok:
			return nil
		case job.message != nil:
			err = w.sendPiece(ctx, job)
		case job.ack != (ack{}):
			w.frame = AppendACK(w.frame[:0], job.ack.number, job.ack.kind, job.ack.total)
			err = w.push(ctx)
		default:
			err = w.flush(ctx)
		}
		if err != nil {
			return err
		}
	}
}

// job is the writer's next task: a piece of a message, an acknowledgement, or else a flush.
type job struct {
	message     *outgoing
	urgentWaits bool // an urgent message waits behind message
	ack         ack
}

// nextJob waits for work. Before it waits, it requests a flush if the pipe is dirty. It returns
// false if no more work will come.
func (c *Conn) nextJob(dirty bool) (job, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.over {
		if len(c.acks) > 0 {
			next := c.acks[0]
			c.acks = c.acks[1:]
			return job{ack: next}, true
		}
		if m := c.queue.take(); m != nil {
			return job{message: m, urgentWaits: c.queue.urgent.len() > 0}, true
		}
		if dirty {
			return job{}, true
		}
		if c.closing && len(c.partial) == 0 {
			return job{}, false
		}
		c.wake.Wait()
	}
	return job{}, false
}

// sendPiece sends the next frame of a message.
func (w *writer) sendPiece(ctx context.Context, j job) error {
	o := j.message
	limit := MaxFrame - frameReserve
	if j.urgentWaits && !o.urgent() {
		limit = politeFrame - frameReserve
	}
	compress := o.msg.Compress && w.budget.allows()
	if compress {
		limit -= deflateReserve
	}
	piece, more, err := o.fill(w.plain[:0], limit)
	if err != nil {
		return w.conn.dropUnreadable(o, err)
	}
	w.plain = piece
	w.conn.begin(o)
	flags := o.flags
	if more {
		flags |= MoreComing
	}
	if compress && len(piece) >= minDeflate {
		flags |= Compressed
	}
	if err := w.encode(o.number, flags); err != nil {
		w.conn.Abort(err)
		return err
	}
	w.budget.sent(len(piece))
	w.conn.stats.sent.piece(len(piece), flags)
	w.conn.sentPiece(o, len(piece), len(w.frame)-headerSize(o.number), more)
	return w.push(ctx)
}

// encode makes a frame of the piece, and charges deflating to the budget.
func (w *writer) encode(number uint64, flags Flags) (err error) {
	if flags&Compressed != 0 {
		defer w.budget.spend(w.budget.now())
	}
	w.frame, err = w.enc.Append(w.frame[:0], number, flags, w.plain)
	return err
}

// push writes the frame to the pipe.
func (w *writer) push(ctx context.Context) error {
	start := w.budget.now()
	if err := w.conn.pipe.Write(ctx, w.frame); err != nil {
		return err
	}
	w.budget.earn(start)
	w.dirty = true
	w.conn.stats.sent.frame(len(w.frame))
	w.conn.clock.markWritten()
	return nil
}

// flush flushes the pipe, after giving other goroutines a chance to add work.
func (w *writer) flush(ctx context.Context) error {
	runtime.Gosched()
	if w.conn.hasWork() {
		return nil
	}
	start := w.budget.now()
	if err := w.conn.pipe.Flush(ctx); err != nil {
		return err
	}
	w.budget.earn(start)
	w.dirty = false
	w.conn.clock.markWritten()
	if cap(w.plain)+cap(w.frame) > idleScratch {
		w.plain, w.frame = nil, nil
	}
	return nil
}

func (c *Conn) hasWork() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.over || c.queue.len() > 0 || len(c.acks) > 0
}
