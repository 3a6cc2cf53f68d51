package blip

import (
	"encoding/binary"
	"hash/crc32"
)

// Decoder takes apart the frames of one direction of a connection. It must see every frame, in order: the
// checksum and the deflate stream run on from frame to frame. It is for one goroutine at a time.
type Decoder struct {
	crc     uint32
	limit   int64
	inflate inflater
}

// NewDecoder returns a decoder for a new connection. A frame that inflates to more than limit bytes is an error.
// Close the decoder when done.
func NewDecoder(limit int64) *Decoder { return &Decoder{limit: limit} }

// Decode takes a frame apart, and checks it. The frame's Body is valid until the next Decode, and while raw is.
// A frame of an undefined type counts for nothing, as in LiteCore, and has no Body. After an
// error ([ErrProtocol], or [ErrTooBig] for a frame above the limit) the stream cannot be decoded any further.
func (d *Decoder) Decode(raw []byte) (Frame, error) {
	number, flags, rest, err := parseHeader(raw)
	if err != nil {
		return Frame{}, err
	}
	f := Frame{Number: number, Flags: flags, Size: len(rest)}
	switch {
	case flags.isACK():
		var ok bool
		if f.Total, _, ok = cutUvarint(rest); !ok {
			return f, protocolError("acknowledgement is truncated")
		}
		return f, nil
	case !flags.isKnown():
		return f, nil
	}
	f.Body, err = d.open(flags, rest)
	return f, err
}

// Close frees what the decoder holds. Closing twice is harmless.
func (d *Decoder) Close() { d.inflate.close() }

// open returns the plain body of a frame without its header, after checking it.
func (d *Decoder) open(flags Flags, rest []byte) ([]byte, error) {
	if len(rest) < checksumSize {
		return nil, protocolError("frame is truncated: it has no checksum")
	}
	body, sum := rest[:len(rest)-checksumSize], rest[len(rest)-checksumSize:]
	if flags&Compressed != 0 {
		var err error
		if body, err = d.inflate.frame(body, d.limit); err != nil {
			return nil, err
		}
	}
	d.crc = crc32.Update(d.crc, crc32.IEEETable, body)
	if got := binary.BigEndian.Uint32(sum); got != d.crc {
		return nil, protocolError("checksum is %08x, want %08x", got, d.crc)
	}
	return body, nil
}
