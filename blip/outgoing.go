package blip

import (
	"bufio"
	"io"
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
)

// outgoing is a message being sent. A request stays outgoing until its reply is complete.
type outgoing struct {
	msg    *Message
	flags  Flags               // type, Urgent and NoReply
	number uint64              // 0 for a request that has not begun
	done   func(*Reply, error) // nil if nobody waits for the reply
	held   int64               // for a reply: its request's part of Conn.held

	// Owned by the writer.
	begun  bool
	closed bool          // the BodyReader is closed
	rest   []byte        // rest of the head and body, once begun
	body   *bufio.Reader // reads BodyReader, once begun

	// Owned by the reader.
	reply *incoming

	// Guarded by Conn.mu.
	weight   int64 // the message's part of Conn.queued
	sent     int64 // bytes sent, as acknowledgements count them
	acked    int64
	parked   bool // waits for an acknowledgement, outside the schedule
	sentAll  bool
	finished bool  // done has been called or is about to be
	progress int64 // tick of the last frame in either direction
}

func newRequest(m *Message, done func(*Reply, error)) *outgoing {
	o := &outgoing{msg: m, flags: TypeMSG, done: done}
	if m.Urgent {
		o.flags |= Urgent
	}
	if m.NoReply {
		o.flags |= NoReply
	}
	o.weight = int64(m.Properties.sectionSize() + len(m.Body))
	return o
}

func newReply(r *Request, kind Flags, m *Message) *outgoing {
	o := &outgoing{msg: m, flags: kind, number: r.Number, held: r.held}
	if r.Urgent {
		o.flags |= Urgent
	}
	o.weight = int64(m.Properties.sectionSize() + len(m.Body))
	return o
}

func (o *outgoing) isRequest() bool { return o.flags.Type() == TypeMSG }

// isNewRequest reports whether o is a request without a number.
func (o *outgoing) isNewRequest() bool { return o.number == 0 }

func (o *outgoing) urgent() bool { return o.flags&Urgent != 0 }

func (o *outgoing) key() partialKey { return partialKey{o.number, o.isRequest()} }

// windowOpen reports whether more may be sent before the next acknowledgement.
func (o *outgoing) windowOpen() bool { return o.sent-o.acked < sendWindow }

// fill appends the next piece of the message to dst, up to limit bytes, and reports whether more
// follows.
func (o *outgoing) fill(dst []byte, limit int) (piece []byte, more bool, err error) {
	if !o.begun {
		dst = o.begin(dst)
		if len(dst) > limit {
			o.rest = slices.Concat(dst[limit:], o.rest)
			dst = dst[:limit]
		}
	}
	n := min(len(o.rest), limit-len(dst))
	dst, o.rest = append(dst, o.rest[:n]...), o.rest[n:]
	if len(o.rest) > 0 || o.body == nil {
		return dst, len(o.rest) > 0, nil
	}
	return o.fillFromReader(dst, limit)
}

// begin appends the head and prepares the body.
func (o *outgoing) begin(dst []byte) []byte {
	o.begun = true
	if o.msg.BodyReader != nil {
		o.body = bufio.NewReaderSize(o.msg.BodyReader, 4*MaxFrame)
	} else {
		o.rest = o.msg.Body
	}
	return o.msg.Properties.Append(dst)
}

// closeBody closes the BodyReader, once.
func (o *outgoing) closeBody() {
	if !o.closed {
		o.closed = true
		o.msg.closeBody()
	}
}

// fail turns a reply that has not begun into an error.
func (o *outgoing) fail(err error) {
	o.flags = o.flags&^typeMask | TypeERR
	o.msg = errorMessage(domainBLIP, codeHandlerFailed, err.Error())
	o.begun, o.rest, o.body = false, nil, nil
}

// fillFromReader reads one byte ahead, so that it recognizes the last frame.
func (o *outgoing) fillFromReader(dst []byte, limit int) (piece []byte, more bool, err error) {
	dst = slices.Grow(dst, limit-len(dst))
	for len(dst) < limit && err == nil {
		var n int
		n, err = o.body.Read(dst[len(dst):limit])
		dst = dst[:len(dst)+n]
	}
	if err == nil {
		_, err = o.body.Peek(1)
	}
	switch err { // only a bare io.EOF ends a reader; a wrapped one is a failure
	case nil:
		return dst, true, nil
	case io.EOF:
		return dst, false, nil
	default:
		return dst, false, fault.IO.In("send message", "").Says("body cannot be read").Because(err)
	}
}
