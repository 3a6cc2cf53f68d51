package transport

import (
	"io"
)

// maxHead bounds a request's or response's line and headers, in bytes.
const maxHead = 64 << 10

// headReader fails when a head exceeds its limit, and keeps the error of the last read. After the
// handshake nobody reads from it any more.
type headReader struct {
	r    io.Reader
	left int
	err  error
}

func (h *headReader) Read(p []byte) (int, error) {
	if h.left <= 0 {
		return 0, io.ErrUnexpectedEOF
	}
	n, err := h.r.Read(p[:min(len(p), h.left)])
	h.left -= n
	h.err = err
	return n, err
}
