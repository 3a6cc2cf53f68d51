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
	_, end, err := in.section()
	if err != nil || in.sink == nil || end == 0 {
		return err
	}
	return in.startSinking()
}

// section returns where the properties begin and end in data; end is 0 while they are incomplete.
func (in *incoming) section() (start, end int, err error) {
	size, rest, ok := cutUvarint(in.data)
	start = len(in.data) - len(rest)
	switch {
	case !ok && len(in.data) >= maxHeader, size > MaxProperties:
		return 0, 0, protocolError("properties are larger than %d bytes", MaxProperties)
	case !ok, uint64(len(rest)) < size:
		return 0, 0, nil
	}
	return start, start + int(size), nil
}

// split parses the head of data, and returns what follows.
func (in *incoming) split() (Properties, []byte, error) {
	start, end, err := in.section()
	if err != nil {
		return nil, nil, err
	}
	if end == 0 {
		return nil, nil, protocolError("message ends within its properties")
	}
	props, err := parseProperties(in.data[start:end])
	return props, in.data[end:], err
}

func (in *incoming) startSinking() error {
	props, body, err := in.split()
	if err != nil {
		return err
	}
	in.sinking, in.props, in.data = true, props, nil
	in.drain(body)
	return nil
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
	props, body, err := in.split()
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
