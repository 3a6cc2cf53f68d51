package blip

import "github.com/tandemdb/tandem/internal/fault"

// How a connection fails, for errors.Is. What the errors say around that is for people.
var (
	// ErrInvalid reports settings, or a message, that cannot be used; the connection goes on.
	ErrInvalid error = fault.Invalid

	// ErrNotConnected reports a message for a connection that Close has ended, or is ending. After
	// another end, messages fail with what Run returns.
	ErrNotConnected error = fault.NotConnected

	// ErrAborted is how a connection ends that was aborted without a reason.
	ErrAborted error = fault.ConnectionAborted

	// ErrConnectionLost is how a connection ends without a goodbye: a [CloseError] with the code
	// 1006, or what its pipe reports.
	ErrConnectionLost error = fault.ConnectionLost

	// ErrTimeout reports a peer that takes no data, or does not answer.
	ErrTimeout error = fault.Timeout

	// ErrProtocol reports a peer that breaks the protocol, which ends the connection (1002).
	ErrProtocol error = fault.ProtocolError

	// ErrTooBig reports a peer that sends more than [Config] allows, which ends the connection
	// (1009).
	ErrTooBig error = fault.New(fault.WebSocket, closeTooBig, "message too big")

	// ErrIO reports a body that could not be read to be sent.
	ErrIO error = fault.IO
)
