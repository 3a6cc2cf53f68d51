package blip

import (
	"encoding/binary"
	"math/bits"

	"github.com/tandemdb/tandem/internal/fault"
)

// Flags is the second field of a frame: the type in the low three bits, and properties of the
// message or frame in the others. Undefined bits are ignored.
type Flags uint8

// The types of frames. Frames of other types are skipped.
const (
	TypeMSG    Flags = 0 // a request
	TypeRPY    Flags = 1 // its reply
	TypeERR    Flags = 2 // its reply, which reports an error
	TypeACKMSG Flags = 4 // part of a request has arrived
	TypeACKRPY Flags = 5 // part of a reply has arrived
)

// The other flags.
const (
	Compressed Flags = 0x08 // this frame's body went through the deflate stream
	Urgent     Flags = 0x10 // the message has priority
	NoReply    Flags = 0x20 // no reply must be sent
	MoreComing Flags = 0x40 // more frames of this message follow

	typeMask Flags = 0x07
)

// Type returns the type without the other flags.
func (f Flags) Type() Flags { return f & typeMask }

func (f Flags) isReply() bool { return f.Type() == TypeRPY || f.Type() == TypeERR }

func (f Flags) isACK() bool { return f.Type() == TypeACKMSG || f.Type() == TypeACKRPY }

func (f Flags) isKnown() bool { return f.Type() == TypeMSG || f.isReply() || f.isACK() }

// Sizes of the protocol, in bytes.
const (
	// MaxFrame is the largest frame that a Conn or Encoder sends, header included.
	MaxFrame = 16384
	// MaxProperties is the largest properties section, without its length.
	MaxProperties = 102400

	politeFrame = 4096   // largest frame of a normal message while an urgent one waits
	ackInterval = 50000  // bytes of one message after which the receiver acknowledges
	sendWindow  = 128000 // unacknowledged bytes of one message at which the sender stops

	checksumSize = 4
	maxHeader    = binary.MaxVarintLen64 + 1
)

// Frame is a decoded frame.
type Frame struct {
	// Number is the message's number: the sender's own count for requests, and the count of the
	// request's sender for replies and acknowledgements.
	Number uint64
	Flags  Flags
	// Body is a piece of the message, inflated; nil in acknowledgements.
	Body []byte
	// Size is the frame's size in acknowledgements: its bytes on the wire without the header.
	Size int
	// Total is the number of bytes that an acknowledgement acknowledges, from the start of the
	// message.
	Total uint64
}

// appendHeader appends the two header fields of a frame.
func appendHeader(dst []byte, number uint64, flags Flags) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(dst, number), uint64(flags))
}

// headerSize returns the length of the output of appendHeader.
func headerSize(number uint64) int { return (bits.Len64(number|1)+6)/7 + 1 }

// AppendACK appends a whole acknowledgement frame for total bytes of a message; kind is TypeACKMSG or TypeACKRPY.
func AppendACK(dst []byte, number uint64, kind Flags, total uint64) []byte {
	return binary.AppendUvarint(appendHeader(dst, number, kind|Urgent|NoReply), total)
}

// parseHeader splits a frame into its header and the rest.
func parseHeader(frame []byte) (number uint64, flags Flags, rest []byte, err error) {
	number, rest, ok := cutUvarint(frame)
	if !ok {
		return 0, 0, nil, protocolError("frame has no message number")
	}
	field, rest, ok := cutUvarint(rest)
	if !ok {
		return 0, 0, nil, protocolError("frame has no flags")
	}
	return number, Flags(field), rest, nil //nolint:gosec // higher bits are undefined, hence ignored
}

func cutUvarint(b []byte) (value uint64, rest []byte, ok bool) {
	value, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, nil, false
	}
	return value, b[n:], true
}

// protocolError returns the error of a peer that broke the protocol. It ends the connection with
// code 1002.
func protocolError(format string, args ...any) *fault.Error {
	return fault.ProtocolError.In("BLIP", "").Says(format, args...)
}

// tooBig returns the error of a peer that exceeds a limit. It ends the connection with code 1009.
func tooBig(format string, args ...any) *fault.Error {
	return fault.New(fault.WebSocket, closeTooBig, "").In("BLIP", "").Says(format, args...)
}
