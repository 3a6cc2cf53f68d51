package rest

import (
	"bufio"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
)

// gzipFrom is the shortest answer that is compressed, in bytes.
const gzipFrom = 1000

// writerPool holds writers that compress.
type writerPool struct{ sync.Pool }

func (p *writerPool) take(to io.Writer) *gzip.Writer {
	w, _ := p.Get().(*gzip.Writer)
	if w == nil {
		w, _ = gzip.NewWriterLevel(to, gzip.BestSpeed) // the level is a valid one
		return w
	}
	w.Reset(to)
	return w
}

// wantsGzip reports whether the client takes a compressed answer, and gains by it: one on this machine
// does not.
func (c *call) wantsGzip() bool {
	if c.from.IsLoopback() || c.from.IsUnspecified() { // ::1 counts as its network, ::/64
		return false
	}
	for coding := range strings.SplitSeq(c.r.Header.Get("Accept-Encoding"), ",") {
		name, params, _ := strings.Cut(coding, ";")
		if name = strings.TrimSpace(name); name != "gzip" && name != "*" {
			continue
		}
		weight, given := strings.CutPrefix(strings.TrimSpace(params), "q=")
		q, err := strconv.ParseFloat(weight, 64)
		return !given || err == nil && q > 0
	}
	return false
}

// stream is an answer that is written bit by bit. Its memory is bounded, and its client must read.
type stream struct {
	c   *call
	buf *bufio.Writer
	zip *gzip.Writer // nil if the answer is not compressed
}

// stream begins an answer of a type. plain leaves it uncompressed, as its parts are to arrive at once.
// After an error the connection ends, so that no client takes a part for the whole.
func (c *call) stream(status int, contentType string, plain bool) *stream {
	header := c.w.Header()
	header.Set("Content-Type", contentType)
	s := &stream{c: c}
	var to io.Writer = c.w
	if !plain {
		header.Add("Vary", "Accept-Encoding")
		if c.wantsGzip() && c.r.Method != http.MethodHead {
			header.Set("Content-Encoding", "gzip")
			s.zip = c.h.zippers.take(c.w)
			to = s.zip
		}
	}
	c.w.WriteHeader(status)
	s.buf = bufio.NewWriterSize(to, 32<<10)
	return s
}

// Write implements [io.Writer].
func (s *stream) Write(p []byte) (int, error) { return s.buf.Write(p) }

// Flush sends what was written so far.
func (s *stream) Flush() error {
	if err := s.flush(); err != nil {
		return err
	}
	return s.c.w.flush()
}

func (s *stream) flush() error {
	if err := s.buf.Flush(); err != nil || s.zip == nil {
		return err
	}
	return s.zip.Flush()
}

// Close ends the answer.
func (s *stream) Close() error {
	err := s.buf.Flush()
	if s.zip != nil && err == nil {
		err = s.zip.Close()
		s.c.h.zippers.Put(s.zip)
	}
	return err
}
