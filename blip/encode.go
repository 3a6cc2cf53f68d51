package blip

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"

	"github.com/klauspost/compress/flate"

	"github.com/tandemdb/tandem/internal/fault"
)

// Encoder makes the frames of one direction of a connection. Checksum and deflate stream continue
// from frame to frame, so every frame must be sent, in order. Only one goroutine may use it at a
// time.
type Encoder struct {
	level   int
	crc     uint32
	out     appender
	deflate *flate.Writer // created for the first compressed frame: it takes most of a megabyte
}

// NewEncoder returns an encoder for a new connection. Level is the deflate level, 1 (fast) to 9 (small).
func NewEncoder(level int) *Encoder { return &Encoder{level: level} }

// Append appends a frame that carries body, deflated if flags include Compressed, and returns the
// extended buffer. Deflating makes body at most 16 bytes longer.
func (e *Encoder) Append(dst []byte, number uint64, flags Flags, body []byte) ([]byte, error) {
	dst = appendHeader(dst, number, flags)
	e.crc = crc32.Update(e.crc, crc32.IEEETable, body)
	if flags&Compressed == 0 {
		dst = append(dst, body...)
	} else {
		var err error
		if dst, err = e.appendDeflated(dst, body); err != nil {
			return dst, err
		}
	}
	return binary.BigEndian.AppendUint32(dst, e.crc), nil
}

// syncTrailer ends every flush of a deflate stream. It is not sent.
var syncTrailer = []byte{0x00, 0x00, 0xff, 0xff}

func (e *Encoder) appendDeflated(dst, body []byte) ([]byte, error) {
	if err := e.startDeflate(); err != nil {
		return dst, err
	}
	e.out.buf = dst
	_, err := e.deflate.Write(body)
	if err == nil {
		err = e.deflate.Flush()
	}
	dst, e.out.buf = e.out.buf, nil
	if err != nil {
		return dst, fault.Unexpected.In("deflate", "").Because(err)
	}
	if !bytes.HasSuffix(dst, syncTrailer) {
		return dst, fault.Unexpected.In("deflate", "").Says("flushed output has no trailer")
	}
	return dst[:len(dst)-len(syncTrailer)], nil
}

func (e *Encoder) startDeflate() (err error) {
	if e.deflate == nil {
		e.deflate, err = flate.NewWriter(&e.out, e.level)
	}
	if err != nil {
		return fault.Invalid.In("deflate", "").Because(err)
	}
	return nil
}

// appender is an io.Writer that appends to a slice.
type appender struct{ buf []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.buf = append(a.buf, p...)
	return len(p), nil
}
