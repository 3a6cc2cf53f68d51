package blip

import (
	"fmt"
	"io"
	"strconv"
	"sync/atomic"

	"github.com/tandemdb/tandem/internal/fault"
)

// Message is an outgoing request or reply. Once given to a Conn it and all it refers to belong to the Conn, and must
// not be changed.
type Message struct {
	// Properties; a request names its handler in "Profile".
	Properties Properties
	// Body may be nil.
	Body []byte
	// BodyReader gives the body in place of Body, so that a big one need not be in memory. The Conn's writer
	// reads it as it sends; it should not wait for anything but a disk. If it is an io.Closer it is closed,
	// whatever happens to the message. An error after the first frame has gone ends the connection, for a
	// message cannot be recalled.
	BodyReader io.Reader
	// Urgent messages go before others. A reply is as urgent as its request.
	Urgent bool
	// NoReply says that no reply is wanted. Requests only.
	NoReply bool
	// Compress allows the message to be deflated; [Config] says when that happens.
	Compress bool
	// Sink takes the body of the reply as it arrives, in place of memory. An error of its Write fails this request
	// only. It is called by the Conn's reader, which it must not keep waiting. Requests only.
	Sink io.Writer
}

// closeBody closes the BodyReader, if it can be.
func (m *Message) closeBody() {
	if closer, ok := m.BodyReader.(io.Closer); ok {
		_ = closer.Close() // it was only read
	}
}

// Request is an incoming request. Its fields may be kept and must not be changed; its methods may be called from
// any goroutine.
type Request struct {
	Properties Properties
	Body       []byte
	Number     uint64 // the peer's count, from 1
	Urgent     bool
	NoReply    bool // no reply is wanted; one that is given is ignored

	conn     *Conn
	held     int64
	answered atomic.Bool
}

// Profile returns the name of the handler the request is for.
func (r *Request) Profile() string { return r.Properties.Value("Profile") }

// Reply answers the request; nil is an empty answer. Only the first answer counts. It never blocks; an answer that
// comes after the end of the connection is dropped.
func (r *Request) Reply(m *Message) {
	if m == nil {
		m = &Message{}
	}
	r.answer(TypeRPY, m)
}

// ReplyError answers the request with an error, in one of the protocol's domains ("HTTP", "BLIP", …).
func (r *Request) ReplyError(domain string, code int, text string) {
	r.answer(TypeERR, errorMessage(domain, code, text))
}

func (r *Request) answer(kind Flags, m *Message) {
	if r.NoReply || r.answered.Swap(true) {
		m.closeBody()
		return
	}
	if err := m.Properties.validate(); err != nil {
		m.closeBody()
		kind, m = TypeERR, errorMessage(domainBLIP, codeHandlerFailed, err.Error())
	}
	r.conn.sendReply(r, kind, m)
}

// Reply is the answer to a request.
type Reply struct {
	Properties Properties
	Body       []byte // nil if it went to a Sink
	Size       int64  // bytes in the body, wherever it went
}

// Error is a reply that reports an error. Domain is "BLIP" if the peer gave none. For
// errors.Is, two of the same domain and code are the same.
type Error struct {
	Domain string
	Code   int
	Text   string // for people; may be empty
}

// Error renders domain, code and text.
func (e *Error) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("peer replied with error %s %d", e.Domain, e.Code)
	}
	return fmt.Sprintf("peer replied with error %s %d: %s", e.Domain, e.Code, e.Text)
}

// Is reports whether target is an Error of the same domain and code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Domain == e.Domain && t.Code == e.Code
}

// Unwrap returns the same in the form of the errors of package tandem.
func (e *Error) Unwrap() error { return fault.New(fault.Domain(e.Domain), e.Code, e.Text) }

// The errors of the BLIP layer itself.
const (
	domainBLIP        = "BLIP"
	codeNotFound      = 404
	codeHandlerFailed = 501
	codeGeneric       = 599

	keyErrorDomain = "Error-Domain"
	keyErrorCode   = "Error-Code"
)

func errorMessage(domain string, code int, text string) *Message {
	return &Message{
		Properties: Properties{{keyErrorDomain, domain}, {keyErrorCode, strconv.Itoa(code)}},
		Body:       []byte(text),
	}
}

// errorOf reads an error reply.
func errorOf(props Properties, body []byte) *Error {
	domain := props.Value(keyErrorDomain)
	if domain == "" {
		domain = domainBLIP
	}
	return &Error{Domain: domain, Code: int(props.Int(keyErrorCode, codeGeneric)), Text: string(body)}
}
