package blip

import "github.com/tandemdb/tandem/internal/fault"

// The failures of a connection, for errors.Is. The text around them is for people.
var (
	// ErrInvalid reports unusable settings or an unusable message; the connection continues.
	ErrInvalid error = fault.Invalid

	// ErrNotConnected reports a send on a connection that Close has ended or is ending. After
	// another end, sends fail with the error of Run.
	ErrNotConnected error = fault.NotConnected

	// ErrAborted is the error of a connection aborted without a reason.
	ErrAborted error = fault.ConnectionAborted

	// ErrConnectionLost is the error of a connection that ended without a CLOSE: a [CloseError]
	// with the code 1006, or an error of the pipe.
	ErrConnectionLost error = fault.ConnectionLost

	// ErrTimeout reports a peer that accepts no data or does not answer.
	ErrTimeout error = fault.Timeout

	// ErrProtocol reports a peer that breaks the protocol, which ends the connection (1002).
	ErrProtocol error = fault.ProtocolError

	// ErrTooBig reports a peer that sends more than [Config] allows, which ends the connection
	// (1009).
	ErrTooBig error = fault.New(fault.WebSocket, closeTooBig, "message too big")

	// ErrIO reports that the body of an outgoing message could not be read.
	ErrIO error = fault.IO
)
