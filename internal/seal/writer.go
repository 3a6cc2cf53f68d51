package seal

import (
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"io"
	"math"

	"github.com/tandemdb/tandem/internal/fault"
)

const (
	magic       = "TANDEM-1"
	streamSalt  = 32
	headerSize  = len(magic) + streamSalt
	segmentSize = 64 << 10
	tagSize     = 16
	boxSize     = segmentSize + tagSize
)

// Writer writes a sealed stream. Close ends it; without Close it is not complete, and no
// [Reader] opens it.
type Writer struct {
	w      io.Writer
	aead   cipher.AEAD
	buf    []byte // text of the segment that is being filled
	number uint64
	begun  bool
	header []byte
	err    error // what ended it; also once closed
}

// NewWriter returns a writer of a sealed stream to w. Nothing is written before the first segment
// is full. It holds 64 KiB of memory.
func (k *Keys) NewWriter(w io.Writer) *Writer {
	header := make([]byte, headerSize)
	copy(header, magic)
	rand.Read(header[len(magic):]) // never fails
	return &Writer{
		w: w, aead: k.stream(header[len(magic):]), header: header,
		buf: make([]byte, 0, boxSize),
	}
}

// Write appends text to the stream.
func (w *Writer) Write(p []byte) (n int, err error) {
	for len(p) > 0 && w.err == nil {
		if len(w.buf) == segmentSize {
			w.seal(nil, false) // only now: the last segment is another
			continue
		}
		part := p[:min(len(p), segmentSize-len(w.buf))]
		w.buf = append(w.buf, part...)
		p, n = p[len(part):], n+len(part)
	}
	return n, w.err
}

// Close ends the stream, whose content has that name, and does not close what is below. Closing
// twice is fault.NotOpen, as is writing afterwards.
func (w *Writer) Close(name []byte) error {
	if w.err != nil {
		return w.err
	}
	w.seal(name, true)
	err := w.err
	if err == nil {
		w.err = fault.NotOpen.In("write sealed stream", "").Says("the stream has ended")
	}
	return err
}

// seal writes the segment in buf.
func (w *Writer) seal(name []byte, last bool) {
	if !w.begun {
		if _, w.err = w.w.Write(w.header); w.err != nil {
			return
		}
		w.begun = true
	}
	if w.number == math.MaxUint64 {
		w.err = fault.Invalid.Says("too large to be stored")
		return
	}
	box := w.aead.Seal(w.buf[:0], nonce(w.number, last), w.buf, name)
	if _, w.err = w.w.Write(box); w.err != nil {
		return
	}
	w.number++
	w.buf = w.buf[:0]
}

// nonce is the nonce of a segment.
func nonce(number uint64, last bool) []byte {
	n := make([]byte, nonceSize)
	binary.BigEndian.PutUint64(n[nonceSize-1-8:], number)
	if last {
		n[nonceSize-1] = 1
	}
	return n
}
