package blip

import (
	"fmt"
	"io"
	"strconv"
	"sync/atomic"

	"github.com/tandemdb/tandem/internal/fault"
)

// Message is an outgoing request or reply. A Conn takes ownership of it and of everything it refers
// to; the caller must not change them afterwards.
type Message struct {
	// Properties; a request names its handler in "Profile".
	Properties Properties
	// Body may be nil.
	Body []byte
	// BodyReader provides the body in place of Body, so that a big body need not be in memory. The
	// Conn's writer reads it while sending; it may wait for a disk but for nothing slower. An
	// io.Closer is closed in every case. If reading fails after the first frame was sent, the
	// connection ends, because a message cannot be recalled.
	BodyReader io.Reader
	// Urgent messages overtake others. A reply is as urgent as its request.
	Urgent bool
	// NoReply asks for no reply. It is only for requests.
	NoReply bool
	// Compress allows the message to be deflated; [Config] decides when.
	Compress bool
	// Sink receives the body of the reply as it arrives, so that it is not held in memory. If its
	// Write fails, only this request fails. The Conn's reader calls it, so it must not block. It is
	// only for requests.
	Sink io.Writer
}

// closeBody closes the BodyReader if it is an io.Closer.
func (m *Message) closeBody() {
	if closer, ok := m.BodyReader.(io.Closer); ok {
		_ = closer.Close() // nothing was written to it
	}
}

// Request is an incoming request. Its fields may be kept but not changed; its methods are safe for
// concurrent use.
type Request struct {
	Properties Properties
	Body       []byte
	Number     uint64 // the peer's count, from 1
	Urgent     bool
	NoReply    bool // the peer wants no reply, and ignores one

	conn     *Conn
	held     int64
	answered atomic.Bool
}

// Profile returns the name of the handler that the request asks for.
func (r *Request) Profile() string { return r.Properties.Value("Profile") }

// Reply answers the request; nil is an empty answer. Only the first answer counts. Reply never
// blocks. After the end of the connection it drops the answer.
func (r *Request) Reply(m *Message) {
	if m == nil {
		m = &empty
	}
	r.answer(TypeRPY, m)
}

// empty is the message of all empty answers. Nothing changes it.
var empty Message //nolint:gochecknoglobals // constant

// ReplyError answers the request with an error in one of the protocol's domains ("HTTP", "BLIP",
// …).
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
	Body       []byte // nil if it was written to a Sink
	Size       int64  // bytes in the body, also if written to a Sink
}

// Error is a reply that reports an error. Domain is "BLIP" if the peer sent none. For errors.Is,
// errors with the same domain and code are equal.
type Error struct {
	Domain string
	Code   int
	Text   string // for people; may be empty
}

// Error returns domain, code and text.
func (e *Error) Error() string {
	if e.Text == "" {
		return fmt.Sprintf("peer replied with error %s %d", e.Domain, e.Code)
	}
	return fmt.Sprintf("peer replied with error %s %d: %s", e.Domain, e.Code, e.Text)
}

// Is reports whether target is an Error with the same domain and code.
func (e *Error) Is(target error) bool {
	t, ok := target.(*Error)
	return ok && t.Domain == e.Domain && t.Code == e.Code
}

// Unwrap returns the error as package tandem's type.
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

// errorOf parses an error reply.
func errorOf(props Properties, body []byte) *Error {
	domain := props.Value(keyErrorDomain)
	if domain == "" {
		domain = domainBLIP
	}
	return &Error{Domain: domain, Code: int(props.Int(keyErrorCode, codeGeneric)), Text: string(body)}
}
