package blip

import (
	"bufio"
	"io"
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
)

// outgoing is a message on its way out, and if it is a request, until its reply is complete.
type outgoing struct {
	msg    *Message
	flags  Flags               // type, Urgent and NoReply
	number uint64              // 0: a request that has not begun
	done   func(*Reply, error) // nil: nobody wants to know
	held   int64               // what the request this replies to counts for in Conn.held

	// Owned by the writer.
	begun  bool
	closed bool          // the BodyReader is
	rest   []byte        // of the head and body, when begun
	body   *bufio.Reader // on BodyReader, when begun

	// Owned by the reader.
	reply *incoming

	// Guarded by Conn.mu.
	weight   int64 // what it still counts for in Conn.queued
	sent     int64 // bytes sent, as acknowledgements count them
	acked    int64
	parked   bool // waits for an acknowledgement, and is not in the schedule
	sentAll  bool
	finished bool  // done has been called, or will be by whoever set this
	progress int64 // tick of the last frame either way
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

// isNewRequest reports whether o is a request whose number is still open.
func (o *outgoing) isNewRequest() bool { return o.number == 0 }

func (o *outgoing) urgent() bool { return o.flags&Urgent != 0 }

func (o *outgoing) key() partialKey { return partialKey{o.number, o.isRequest()} }

// windowOpen reports whether more may be sent before an acknowledgement.
func (o *outgoing) windowOpen() bool { return o.sent-o.acked < sendWindow }

// fill appends the next piece of the message to dst, up to limit bytes, and reports whether more is left.
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

// begin appends the head, and makes the body ready.
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

// fail makes a reply that has not begun an error.
func (o *outgoing) fail(err error) {
	o.flags = o.flags&^typeMask | TypeERR
	o.msg = errorMessage(domainBLIP, codeHandlerFailed, err.Error())
	o.begun, o.rest, o.body = false, nil, nil
}

// fillFromReader reads ahead one byte, so that the last frame is known as such.
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
	switch err { // a reader ends with io.EOF itself; a wrapped one is a failure
	case nil:
		return dst, true, nil
	case io.EOF:
		return dst, false, nil
	default:
		return dst, false, fault.IO.In("send message", "").Says("body cannot be read").Because(err)
	}
}
