package replication

import (
	"errors"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
)

// fromPeer turns the peer's error reply, or its goodbye, into the error that users see
// (spec/replication.md §12).
func fromPeer(err error) error {
	if err == nil {
		return nil // most often; reply would take memory
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

// fromStranger turns an error with which we have answered a peer into one that users see: the
// domains of the wire mean nothing to them.
func fromStranger(err error) error {
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

// toPeer gives the domain, code and text of the error reply that tells the peer of err. The
// causes stay here: they may name files.
func toPeer(err error) (domain string, code int, text string) {
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

// isDeltaRefusal reports whether a peer's reply to a delta asks for the whole body.
func isDeltaRefusal(err error) bool {
	return is(err, fault.WebSocket, 422) || errors.Is(err, fault.DeltaBase) || errors.Is(err, fault.CorruptDelta)
}

// isDiskTrouble reports whether the database could not be read or written, as on a disk that is full
// or where no more files may be open.
func isDiskTrouble(err error) bool {
	return errors.Is(err, fault.IO) || errors.Is(err, fault.Busy) || errors.Is(err, fault.CantOpen) ||
		errors.Is(err, fault.NotWriteable) || errors.Is(err, fault.TooManyFiles)
}

// isConflict reports whether a peer has refused a revision because it has another.
func isConflict(err error) bool {
	return errors.Is(err, fault.Conflict) || errors.Is(err, fault.RemoteConflict)
}

func is(err error, domain fault.Domain, code int) bool {
	e := fault.Of(err)
	return e != nil && e.Domain == domain && e.Code == code
}

// closeCode is the WebSocket code that tells the peer why the session ends (spec/handshake.md
// §8): 4002 for what a new attempt cannot mend, and 1000 otherwise from the active side. From
// the passive side that would stop the peer for good: it gets 4001, to try again.
func (s *Session) closeCode(err error) int {
	switch {
	case err == nil, errors.Is(err, ErrStartOver):
		return 1000
	case errors.Is(err, fault.ProtocolError):
		return 1002
	case errors.Is(err, fault.Unexpected), errors.Is(err, fault.Remote),
		is(err, fault.WebSocket, 400), is(err, fault.WebSocket, 403):
		return 4002
	case s.active == nil, is(err, fault.WebSocket, 503):
		return 4001
	}
	return 1000
}
