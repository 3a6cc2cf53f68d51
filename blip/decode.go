package blip

import (
	"encoding/binary"
	"hash/crc32"
)

// Decoder decodes the frames of one direction of a connection. It must see every frame, in order:
// the checksum and the deflate stream continue from frame to frame. Only one goroutine may use it
// at a time.
type Decoder struct {
	crc     uint32
	limit   int64
	inflate inflater
}

// NewDecoder returns a decoder for a new connection. It refuses frames that inflate to more than
// limit bytes. The caller must close it.
func NewDecoder(limit int64) *Decoder { return &Decoder{limit: limit} }

// Decode decodes and checks a frame. The frame's Body is valid until the next Decode and as long as
// raw. A frame of an undefined type is ignored, as in LiteCore, and has no Body. After an error
// ([ErrProtocol], or [ErrTooBig] for a frame above the limit) the stream cannot be decoded any
// further.
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

// Close frees the decoder's resources. Closing twice is harmless.
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
