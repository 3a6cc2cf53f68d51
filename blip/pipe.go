package blip

import (
	"context"
	"fmt"

	"github.com/tandemdb/tandem/internal/fault"
)

// Pipe carries whole binary messages, one BLIP frame each, in order and in both directions: a
// WebSocket, or one end of [NewPipePair].
//
// A [Conn] calls Read from one goroutine, and Write and Flush from another. Close and Abort may be
// called from any goroutine at any time, and make blocked calls return with an error.
type Pipe interface {
	// Read returns the next frame; the slice is valid until the next Read. At the end of the pipe
	// the error is a *[CloseError] with the peer's code if one came, otherwise the error that broke
	// the pipe.
	Read(ctx context.Context) ([]byte, error)

	// Write sends a frame, possibly only at Flush. It must not retain the frame. It blocks while
	// the peer accepts nothing, so that a Conn notices a slow link.
	Write(ctx context.Context, frame []byte) error

	// Flush sends the frames that Write has held back.
	Flush(ctx context.Context) error

	// Close sends a WebSocket close code, and waits a bounded time for the echo. It returns nil
	// only if the echo came. Afterwards the pipe is dead.
	Close(code int, reason string) error

	// Abort drops the connection at once. Aborting twice, or after Close, is harmless.
	Abort() error
}

// The WebSocket close codes that this package uses.
const (
	closeNormal   = 1000
	closeProtocol = 1002
	closeDropped  = 1006 // never sent: the connection ended without a CLOSE
	closeTooBig   = 1009
	closeInternal = 1011
)

// CloseError tells how the peer ended a pipe: Code is its WebSocket close code, 1006 if the
// connection dropped without one, 1005 if the CLOSE had none. For errors.Is, a CloseError with 1006
// is [ErrConnectionLost].
type CloseError struct {
	Code   int
	Reason string
}

// Error returns code and reason.
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

// Unwrap returns the error as package tandem's type.
func (e *CloseError) Unwrap() error {
	return fault.New(fault.WebSocket, e.Code, e.Error())
}
