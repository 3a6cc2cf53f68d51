package seal

import (
	"bytes"
	"crypto/cipher"
	"errors"
	"io"

	"github.com/tandemdb/tandem/internal/fault"
)

// Reader reads a sealed stream with random access. It holds 64 KiB of memory.
type Reader struct {
	r    io.ReaderAt
	aead cipher.AEAD
	name []byte
	size int64 // of the text
	last int64 // number of the last segment
	at   int64 // where the next Read begins

	held int64 // number of the segment in text; -1 for none
	text []byte
	box  []byte
}

// NewReader opens a sealed stream of the given total size, whose content has the given name. It
// reads the last segment, which proves that the stream is complete and has that name. Otherwise,
// and for a stream under other keys, the error is fault.CorruptData.
func (k *Keys) NewReader(r io.ReaderAt, size int64, name []byte) (*Reader, error) {
	boxes := size - int64(headerSize)
	if boxes < tagSize {
		return nil, badStream()
	}
	last := (boxes - 1) / boxSize
	if boxes-last*boxSize < tagSize {
		return nil, badStream() // a segment without its complete tag
	}
	header := make([]byte, headerSize)
	if err := readFull(r, header, 0); err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(header, []byte(magic)) {
		return nil, badStream()
	}
	s := &Reader{
		r: r, aead: k.stream(header[len(magic):]), name: bytes.Clone(name), held: -1,
		size: boxes - (last+1)*tagSize, last: last, box: make([]byte, min(boxes, boxSize)),
	}
	return s, s.load(last)
}

// Size returns the size of the text, in bytes.
func (s *Reader) Size() int64 { return s.size }

// Read reads text. Damage gives fault.CorruptData; Read returns no text of a damaged segment.
func (s *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if s.at >= s.size {
		return 0, io.EOF
	}
	if err := s.load(s.at / segmentSize); err != nil {
		return 0, err
	}
	n := copy(p, s.text[s.at%segmentSize:])
	s.at += int64(n)
	return n, nil
}

// WriteTo writes the rest of the text to w, one segment at a time.
func (s *Reader) WriteTo(w io.Writer) (total int64, err error) {
	for s.at < s.size {
		if err := s.load(s.at / segmentSize); err != nil {
			return total, err
		}
		n, err := w.Write(s.text[s.at%segmentSize:])
		s.at += int64(n)
		total += int64(n)
		if err != nil {
			return total, err
		}
	}
	return total, nil
}

// Seek sets the start of the next Read, as [io.Seeker] defines. A position before the start gives
// fault.Invalid; reading beyond the end gives [io.EOF].
func (s *Reader) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += s.at
	case io.SeekEnd:
		offset += s.size
	default:
		return 0, fault.Invalid.Says("unknown whence %d", whence)
	}
	if offset < 0 {
		return 0, fault.Invalid.Says("the place is before the start")
	}
	s.at = offset
	return offset, nil
}

// load decrypts a segment into text.
func (s *Reader) load(number int64) error {
	if number == s.held {
		return nil
	}
	s.held = -1
	size, name, last := int64(boxSize), []byte(nil), number == s.last
	if last {
		size, name = s.size-number*segmentSize+tagSize, s.name
	}
	box := s.box[:size]
	if err := readFull(s.r, box, int64(headerSize)+number*boxSize); err != nil {
		return err
	}
	text, err := s.aead.Open(box[:0], nonce(uint64(number), last), box, name)
	if err != nil {
		return badStream()
	}
	s.held, s.text = number, text
	return nil
}

// readFull reads all of p. A file that ends too early is damaged.
func readFull(r io.ReaderAt, p []byte, at int64) error {
	n, err := r.ReadAt(p, at)
	switch {
	case n == len(p):
		return nil
	case errors.Is(err, io.EOF):
		return badStream()
	default:
		return fault.IO.Because(err)
	}
}

func badStream() error {
	return fault.CorruptData.Says("the encrypted content is damaged").
		Try("restore it from a backup, or sync it again from a peer")
}
