package blip

import (
	"io"
	"slices"
)

// messageOverhead is the size counted for a message in addition to its bytes, about its overhead in
// memory.
const messageOverhead = 512

// incoming is a request or reply that is being received.
type incoming struct {
	flags Flags
	limit int64 // most bytes held in memory

	held int64 // the message's part of Conn.held

	data     []byte // all bytes so far, or only the head if the body goes to sink
	received int64  // bytes received, as acknowledgements count them
	acked    int64

	unordered bool // the properties are complete, and other requests need not wait for this one

	sink    io.Writer // nil if the body stays in memory
	props   Properties
	sinking bool  // props is complete; the rest goes to sink
	sunk    int64 // bytes written to sink
	sinkErr error
}

// add adds the next piece. It returns an error if the message breaks the protocol or the limit.
func (in *incoming) add(piece []byte) error {
	if in.sinking {
		in.drain(piece)
		return nil
	}
	if int64(len(in.data))+int64(len(piece)) > in.limit {
		return tooBig("message is larger than %d bytes", in.limit)
	}
	in.data = append(in.data, piece...)
	_, body, err := cutProperties(in.data) // detects too large properties early
	if err != nil || body == nil || in.sink == nil {
		return err
	}
	return in.startSinking()
}

func (in *incoming) startSinking() error {
	props, body, err := ParseMessage(in.data)
	if err != nil {
		return err
	}
	in.sinking, in.props, in.data = true, props, nil
	in.drain(body)
	return nil
}

// isOrdered reports whether later requests must wait for this incomplete one: profile selects its
// profile, or its profile is still unknown.
func (in *incoming) isOrdered(profile func(string) bool) (bool, error) {
	if in.unordered {
		return false, nil
	}
	section, rest, err := cutProperties(in.data)
	if rest == nil || err != nil {
		return true, err
	}
	props, err := parseProperties(section)
	if err != nil {
		return true, err
	}
	in.unordered = !profile(props.Value("Profile"))
	return !in.unordered, nil
}

// drain writes a piece of the body to the sink, unless the sink has failed.
func (in *incoming) drain(piece []byte) {
	in.sunk += int64(len(piece))
	if in.sinkErr == nil && len(piece) > 0 {
		_, in.sinkErr = in.sink.Write(piece)
	}
}

// finish returns the complete message.
func (in *incoming) finish() (Properties, []byte, error) {
	if in.sinking {
		return in.props, nil, nil
	}
	props, body, err := ParseMessage(in.data)
	return props, slices.Clip(body), err
}

// growth updates held and returns the increase.
func (in *incoming) growth() int64 {
	before := in.held
	in.held = messageOverhead + int64(len(in.data))
	return in.held - before
}

// ackDue reports whether an acknowledgement is due, and counts it as sent.
func (in *incoming) ackDue(size int) bool {
	in.received += int64(size)
	if in.received-in.acked < ackInterval {
		return false
	}
	in.acked = in.received
	return true
}
