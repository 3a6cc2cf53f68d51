package blip

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
)

// reader is the receiving goroutine. It owns the inflate stream, the checksum and the incomplete
// messages.
type reader struct {
	conn     *Conn
	dec      *Decoder
	last     uint64               // number of the last request begun
	requests map[uint64]*incoming // incomplete ones
	waiting  []*Request           // complete requests that must wait for earlier incomplete ones; sorted by number
	blocker  uint64               // the request that the first of waiting was last found to wait for
	single   incoming             // the message that is complete with its first frame
}

// read receives until the pipe ends or the peer breaks a rule. In the latter case ours is true, and
// the peer is told the error.
func (c *Conn) read(ctx context.Context) (err error, ours bool) {
	r := &reader{conn: c, dec: NewDecoder(c.cfg.MaxMessage), requests: make(map[uint64]*incoming)}
	defer r.dec.Close()
	for {
		raw, err := c.pipe.Read(ctx)
		if err != nil {
			return withFault(err), false
		}
		c.clock.markHeard()
		c.stats.received.frame(len(raw))
		if err := r.frame(raw); err != nil {
			return err, true
		}
		r.single = incoming{} // its body may be large
	}
}

// withFault gives an error of the pipe a domain and a code.
func withFault(err error) error {
	if err == nil || fault.Of(err) != nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return fault.ConnectionLost.In("use connection", "").Because(err)
}

func (r *reader) frame(raw []byte) error {
	f, err := r.dec.Decode(raw)
	if err != nil {
		return err
	}
	switch f.Flags.Type() {
	case TypeMSG:
		return r.request(f)
	case TypeRPY, TypeERR:
		return r.reply(f)
	case TypeACKMSG, TypeACKRPY:
		r.conn.acknowledge(partialKey{f.Number, f.Flags.Type() == TypeACKMSG}, f.Total)
	}
	return nil
}

// request handles a frame of a request.
func (r *reader) request(f Frame) error {
	in := r.requests[f.Number]
	if in == nil {
		if f.Number != r.last+1 {
			return protocolError("request has number %d, want %d", f.Number, r.last+1)
		}
		r.last++
		in = r.begin(f)
	}
	if err := r.grow(in, f); err != nil {
		return err
	}
	if f.Flags&MoreComing != 0 {
		r.requests[f.Number] = in
	} else {
		delete(r.requests, f.Number)
		if err := r.complete(f.Number, in); err != nil {
			return err
		}
	}
	return r.release()
}

// begin returns the message that begins with a frame. Most messages have no other frame, and are not
// kept after it.
func (r *reader) begin(f Frame) *incoming {
	in := &r.single
	if f.Flags&MoreComing != 0 {
		in = new(incoming)
	}
	*in = incoming{flags: f.Flags, limit: r.conn.cfg.MaxMessage}
	return in
}

// grow adds a frame to a message within the limits, and acknowledges it when due.
func (r *reader) grow(in *incoming, f Frame) error {
	r.conn.stats.received.piece(len(f.Body), f.Flags)
	if err := in.add(f.Body); err != nil {
		return err
	}
	growth := in.growth()
	if r.conn.held.Add(growth) > r.conn.cfg.MaxBuffered {
		return tooBig("peer makes us hold more than %d bytes", r.conn.cfg.MaxBuffered)
	}
	if f.Flags&MoreComing != 0 && in.ackDue(f.Size) {
		r.conn.sendACK(f.Number, f.Flags.Type(), in.received)
	}
	return nil
}

// sendACK acknowledges the received bytes of a message.
func (c *Conn) sendACK(number uint64, kind Flags, total int64) {
	reply := TypeACKRPY
	if kind == TypeMSG {
		reply = TypeACKMSG
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.acks = append(c.acks, ack{number: number, kind: reply, total: uint64(total)}) //nolint:gosec // not negative
	c.wake.Signal()
}

// complete handles a complete request, or lets it wait for earlier ones.
func (r *reader) complete(number uint64, in *incoming) error {
	props, body, err := in.finish()
	if err != nil {
		return err
	}
	request := &Request{
		Properties: props,
		Body:       body,
		Number:     number,
		Urgent:     in.flags&Urgent != 0,
		NoReply:    in.flags&NoReply != 0,
		conn:       r.conn,
		held:       in.held,
	}
	if !r.conn.cfg.InOrder(request.Profile()) {
		r.deliver(request)
		return nil
	}
	i, _ := slices.BinarySearchFunc(r.waiting, number, func(r *Request, n uint64) int { return cmp.Compare(r.Number, n) })
	r.waiting = slices.Insert(r.waiting, i, request)
	return nil
}

// release delivers the waiting requests that need not wait any longer.
func (r *reader) release() error {
	for len(r.waiting) > 0 {
		first := r.waiting[0]
		if blocked, err := r.blocked(first.Number); blocked || err != nil {
			return err
		}
		r.waiting = slices.Delete(r.waiting, 0, 1)
		r.deliver(first)
	}
	return nil
}

// blocked reports whether a request must wait for an earlier one, and keeps that in blocker.
func (r *reader) blocked(number uint64) (bool, error) {
	if in := r.requests[r.blocker]; in != nil && r.blocker < number {
		if ordered, err := in.isOrdered(r.conn.cfg.InOrder); ordered || err != nil {
			return ordered, err
		}
	}
	for earlier, in := range r.requests {
		if earlier > number {
			continue
		}
		if ordered, err := in.isOrdered(r.conn.cfg.InOrder); ordered || err != nil {
			r.blocker = earlier
			return ordered, err
		}
	}
	return false, nil
}

// deliver passes a complete request to the handler.
func (r *reader) deliver(request *Request) {
	r.conn.cfg.Handler(request)
	if request.NoReply {
		r.conn.held.Add(-request.held)
	}
}

// reply handles a frame of a reply.
func (r *reader) reply(f Frame) error {
	o, err := r.conn.awaiting(f.Number)
	if o == nil {
		return err
	}
	in := o.reply
	if in == nil {
		in = r.begin(f)
		if f.Flags.Type() == TypeRPY {
			in.sink = o.msg.Sink
		}
	}
	if err := r.grow(in, f); err != nil {
		return err
	}
	if in.sinkErr != nil {
		r.conn.finish(o, nil, in.sinkErr)
	}
	if f.Flags&MoreComing != 0 {
		o.reply = in
		return nil
	}
	return r.answered(o, in, f.Number)
}

// awaiting returns the request that a reply belongs to. It returns nil without an error if the
// request no longer needs one.
func (c *Conn) awaiting(number uint64) (*outgoing, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	o := c.pending.get(number)
	switch {
	case o != nil:
		o.progress = c.clock.now()
		return o, nil
	case number == 0, number > c.lastNumber:
		return nil, protocolError("reply to request %d, which was never sent", number)
	default:
		return nil, nil
	}
}

// answered completes a request with its reply.
func (r *reader) answered(o *outgoing, in *incoming, number uint64) error {
	props, body, err := in.finish()
	if err != nil {
		return err
	}
	c := r.conn
	c.held.Add(-in.held)
	c.mu.Lock()
	c.pending.remove(number)
	c.mu.Unlock()
	if in.flags.Type() == TypeERR {
		c.finish(o, nil, errorOf(props, body))
		return nil
	}
	c.finish(o, &Reply{Properties: props, Body: body, Size: int64(len(body)) + in.sunk}, nil)
	return nil
}
