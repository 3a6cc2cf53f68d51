package wire

import (
	"errors"
	"strings"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
)

// FromPeer converts the peer's error reply or close code into an error for users.
func FromPeer(err error) error {
	if err == nil {
		return nil // the common case; reply would allocate
	}
	var closed *blip.CloseError
	if errors.As(err, &closed) {
		return closedByPeer(closed)
	}
	var reply *blip.Error
	if !errors.As(err, &reply) {
		return err
	}
	switch domain := fault.Domain(reply.Domain); domain {
	case fault.HTTP:
		return fault.New(fault.WebSocket, reply.Code, peerSays(reply.Text))
	case fault.Tandem, fault.POSIX, fault.SQLite, fault.Fleece, fault.Network, fault.WebSocket, fault.TLS:
		return fault.New(domain, reply.Code, peerSays(reply.Text))
	case fault.BLIP:
		return fault.Remote.Says("the peer refused a request: %s", reply.Text).Because(reply)
	}
	return fault.Remote.Because(reply)
}

// closedByPeer converts a close code into an error. Codes that LiteCore does not know count as no
// code.
func closedByPeer(closed *blip.CloseError) error {
	code := closed.Code
	switch {
	case code == 1000:
		code = fault.PeerClosed.Code
	case code > 1011 && code < 4000:
		code = 1005
	}
	return fault.New(fault.WebSocket, code, "").Because(closed)
}

// FromStranger converts an error that we have sent to a peer into one for users, who do not know
// the wire's error domains.
func FromStranger(err error) error {
	if e := fault.Of(err); e != nil && (e.Domain == fault.BLIP || e.Domain == fault.HTTP) {
		return fault.Remote.Says("the peer sent what makes no sense").Because(err)
	}
	return err
}

func peerSays(text string) string {
	if text == "" {
		return ""
	}
	return "the peer says: " + text
}

// ToPeer returns the domain, code and text of the error reply for err. It omits the causes, which
// may name local files.
func ToPeer(err error) (domain string, code int, text string) {
	e := fault.Of(err)
	switch {
	case e == nil:
		return string(fault.Tandem), fault.Unexpected.Code, "unexpected error"
	case errors.Is(err, fault.DeltaBase), errors.Is(err, fault.CorruptDelta):
		return string(fault.HTTP), 422, e.Because(nil).Error()
	case e.Domain == fault.WebSocket && e.Code < 1000:
		return string(fault.HTTP), e.Code, e.Because(nil).Error()
	}
	return string(e.Domain), e.Code, e.Because(nil).Error()
}

// tooEarly begins the text with which a listener refuses a version from the future.
const tooEarly = "try again later: "

// TooEarly returns the error reply to a client whose version is from the future. The reply is a
// transient error, so that LiteCore pushes the revision again on its next connection.
func TooEarly(err error) (domain string, code int, text string) {
	_, _, text = ToPeer(err)
	return string(fault.HTTP), 503, tooEarly + text
}

// IsTooEarly reports whether the peer refused a version because its time lies in the future of the
// peer's clock. Tandem says so in the text; LiteCore finds no other fault with our versions.
func IsTooEarly(err error) bool {
	if err == nil {
		return false // the common case; reply would allocate
	}
	var reply *blip.Error
	if !errors.As(err, &reply) {
		return false
	}
	return reply.Domain == string(fault.HTTP) && reply.Code == 503 && strings.HasPrefix(reply.Text, tooEarly) ||
		reply.Domain == string(fault.Tandem) && reply.Code == fault.BadRevisionID.Code
}

// IsDeltaRefusal reports whether a peer's reply to a delta asks for the whole body.
func IsDeltaRefusal(err error) bool {
	return fault.HasCode(err, fault.WebSocket, 422) || errors.Is(err, fault.DeltaBase) || errors.Is(err, fault.CorruptDelta)
}

// Close codes.
const (
	CloseNormal   = 1000
	CloseLeaving  = 1001 // the listener stops
	CloseProtocol = 1002
	CloseTryAgain = 4001 // transient: the peer reconnects
	CloseForGood  = 4002 // permanent: a new attempt would fail
)

// CloseCode returns the close code for a session that ends because of err. otherwise is the
// default.
func CloseCode(err error, otherwise int) int {
	switch {
	case err == nil:
		return CloseNormal
	case errors.Is(err, fault.ProtocolError):
		return CloseProtocol
	case errors.Is(err, fault.Unexpected), errors.Is(err, fault.Remote),
		fault.HasCode(err, fault.WebSocket, 400), fault.HasCode(err, fault.WebSocket, 403):
		return CloseForGood
	case fault.HasCode(err, fault.WebSocket, 503):
		return CloseTryAgain
	}
	return otherwise
}

// CloseReason returns the text beside a close code.
func CloseReason(code int, err error) string {
	if code == CloseNormal {
		return ""
	}
	_, _, text := ToPeer(err)
	return text
}
