package blip

import (
	"io"
	"slices"
)

// messageOverhead is what a message counts for beside its bytes, about what it takes in memory.
const messageOverhead = 512

// incoming is a message on its way in: a request, or a reply.
type incoming struct {
	flags Flags
	limit int64 // most bytes held in memory

	held int64 // what it counts for in Conn.held

	data     []byte // all so far, or the head alone if the body goes to sink
	received int64  // bytes received, as acknowledgements count them
	acked    int64

	unordered bool // the properties are complete, and others need not wait for it

	sink    io.Writer // nil: the body stays in memory
	props   Properties
	sinking bool  // props is complete, the rest goes to sink
	sunk    int64 // bytes given to sink
	sinkErr error
}

// add takes the next piece. It returns an error if the message breaks the rules or the limit.
func (in *incoming) add(piece []byte) error {
	if in.sinking {
		in.drain(piece)
		return nil
	}
	if int64(len(in.data))+int64(len(piece)) > in.limit {
		return tooBig("message is larger than %d bytes", in.limit)
	}
	in.data = append(in.data, piece...)
	_, body, err := cutProperties(in.data) // finds out early if they are too large
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

// isOrdered reports whether later requests may have to wait for this one, which is incomplete: its profile is
// such a one, or is still to come.
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

// drain gives a piece of the body to the sink, until that fails.
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

// growth returns by how much the message counts for more than before.
func (in *incoming) growth() int64 {
	before := in.held
	in.held = messageOverhead + int64(len(in.data))
	return in.held - before
}

// ackDue reports whether the message has grown enough for an acknowledgement, and counts that as sent.
func (in *incoming) ackDue(size int) bool {
	in.received += int64(size)
	if in.received-in.acked < ackInterval {
		return false
	}
	in.acked = in.received
	return true
}
