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

// Writer writes a sealed stream. Close completes the stream; no [Reader] opens an incomplete one.
type Writer struct {
	w      io.Writer
	aead   cipher.AEAD
	buf    []byte // text of the segment being filled
	number uint64
	begun  bool
	header []byte
	err    error // the error that ended it; also set by Close
}

// NewWriter returns a writer of a sealed stream to w. It writes nothing before the first segment is
// full. It holds 64 KiB of memory.
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
			w.seal(nil, false) // only now: the last segment has another nonce
			continue
		}
		part := p[:min(len(p), segmentSize-len(w.buf))]
		w.buf = append(w.buf, part...)
		p, n = p[len(part):], n+len(part)
	}
	return n, w.err
}

// Close completes the stream, whose content has the given name. It does not close the underlying
// writer. Closing twice, and writing afterwards, give fault.NotOpen.
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

// seal encrypts and writes the segment in buf.
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

// nonce returns the nonce of a segment.
func nonce(number uint64, last bool) []byte {
	n := make([]byte, nonceSize)
	binary.BigEndian.PutUint64(n[nonceSize-1-8:], number)
	if last {
		n[nonceSize-1] = 1
	}
	return n
}
