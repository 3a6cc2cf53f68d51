package blip

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"sync"

	"github.com/klauspost/compress/flate"

	"github.com/tandemdb/tandem/internal/fault"
)

// Encoder makes the frames of one direction of a connection. Checksum and deflate stream continue
// from frame to frame, so every frame must be sent, in order. Only one goroutine may use it at a
// time.
type Encoder struct {
	level   int
	crc     uint32
	deflate *deflater // nil before the first compressed frame
}

// NewEncoder returns an encoder for a new connection. Level is the deflate level, 1 (fast) to 9 (small).
func NewEncoder(level int) *Encoder { return &Encoder{level: level} }

// Close lets other encoders use memory of this one, which ends here. An encoder that is not closed is
// left to the garbage collector.
func (e *Encoder) Close() {
	if e.deflate != nil {
		idleDeflaters[e.level].Put(e.deflate)
		e.deflate = nil
	}
}

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
	dst, err := e.deflate.append(dst, body)
	if err != nil {
		return dst, fault.Unexpected.In("deflate", "").Because(err)
	}
	if !bytes.HasSuffix(dst, syncTrailer) {
		return dst, fault.Unexpected.In("deflate", "").Says("flushed output has no trailer")
	}
	return dst[:len(dst)-len(syncTrailer)], nil
}

// startDeflate begins the stream, unless it has begun.
func (e *Encoder) startDeflate() error {
	if e.deflate != nil {
		return nil
	}
	if e.level < flate.BestSpeed || e.level > flate.BestCompression {
		return fault.Invalid.In("deflate", "").Says("level %d is none of 1 to 9", e.level)
	}
	if idle, ok := idleDeflaters[e.level].Get().(*deflater); ok {
		idle.writer.Reset(&idle.out)
		e.deflate = idle
		return nil
	}
	made := &deflater{}
	var err error
	if made.writer, err = flate.NewWriter(&made.out, e.level); err != nil {
		return fault.Invalid.In("deflate", "").Because(err)
	}
	e.deflate = made
	return nil
}

// deflater writes one deflate stream at a time. It takes most of a megabyte, which a short conversation
// hardly fills.
type deflater struct {
	writer *flate.Writer
	out    appender
}

// idleDeflaters has those of closed encoders, by level. They are reset before they are used again, and
// never refer to what an earlier stream has said.
var idleDeflaters [flate.BestCompression + 1]sync.Pool //nolint:gochecknoglobals // holds no state

// append appends body to dst, deflated and flushed.
func (d *deflater) append(dst, body []byte) ([]byte, error) {
	d.out.buf = dst
	_, err := d.writer.Write(body)
	if err == nil {
		err = d.writer.Flush()
	}
	dst, d.out.buf = d.out.buf, nil
	return dst, err
}

// appender is an io.Writer that appends to a slice.
type appender struct{ buf []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.buf = append(a.buf, p...)
	return len(p), nil
}
