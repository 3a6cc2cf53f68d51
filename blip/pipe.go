package blip

import (
	"context"
	"fmt"

	"github.com/tandemdb/tandem/internal/fault"
)

// Pipe carries whole binary messages, one BLIP frame each, in order, both ways: a WebSocket,
// or one end of [NewPipePair].
//
// A [Conn] calls Read from one goroutine, and Write and Flush from another. Close and Abort may come
// from any goroutine at any time, and make calls that are blocked return with an error.
type Pipe interface {
	// Read returns the next frame; the slice is valid until the next Read. At the end of the pipe the
	// error is a *[CloseError] with the peer's code, if one came, or whatever broke the pipe.
	Read(ctx context.Context) ([]byte, error)

	// Write sends a frame, perhaps not before Flush. It must not retain the frame. It blocks while the
	// peer takes nothing, which is how a Conn learns that the link is slow.
	Write(ctx context.Context, frame []byte) error

	// Flush sends what Write has held back.
	Flush(ctx context.Context) error

	// Close says goodbye with a WebSocket close code, and waits a bounded time for the echo. It returns nil
	// only when the echo came. Afterwards the pipe is dead.
	Close(code int, reason string) error

	// Abort drops the connection at once. Aborting twice, or after Close, is harmless.
	Abort() error
}

// The WebSocket close codes this package uses itself.
const (
	closeNormal   = 1000
	closeProtocol = 1002
	closeDropped  = 1006 // never sent: the connection ended without a goodbye
	closeTooBig   = 1009
	closeInternal = 1011
)

// CloseError tells how the peer ended a pipe: Code is its WebSocket close code, 1006 if the connection
// dropped without one, 1005 if the goodbye held none. For errors.Is, one with 1006 is [ErrConnectionLost].
type CloseError struct {
	Code   int
	Reason string
}

// Error renders code and reason.
func (e *CloseError) Error() string {
	switch {
	case e.Code == closeDropped && e.Reason == "":
		return "connection lost"
	case e.Code == closeDropped:
		return "connection lost: " + e.Reason
	case e.Reason == "":
		return fmt.Sprintf("closed by the peer (%d)", e.Code)
	default:
		return fmt.Sprintf("closed by the peer (%d: %s)", e.Code, e.Reason)
	}
}

// Unwrap returns the same in the form of the errors of package tandem.
func (e *CloseError) Unwrap() error {
	return fault.New(fault.WebSocket, e.Code, e.Error())
}
