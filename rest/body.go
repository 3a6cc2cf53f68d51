package rest

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/tandemdb/tandem/internal/plainjson"
)

// readJSON reads a body of JSON whole. A longer one is answered 413, one of another type 415.
func (c *call) readJSON(limit int64) ([]byte, error) {
	if err := c.checkJSON(); err != nil {
		return nil, err
	}
	return c.readText(limit)
}

// readText reads a body whole. A longer one is answered 413.
func (c *call) readText(limit int64) ([]byte, error) {
	var text bytes.Buffer
	if n := c.r.ContentLength; n > 0 {
		text.Grow(int(min(n, limit, 1<<20)) + bytes.MinRead)
	}
	if _, err := text.ReadFrom(c.body(limit)); err != nil {
		return nil, err
	}
	return text.Bytes(), c.stillMay()
}

// decode reads a body of JSON into what v points to. An empty body leaves it as it is.
func (c *call) decode(v any) error {
	text, err := c.readJSON(maxRequest)
	if err != nil || len(bytes.TrimSpace(text)) == 0 {
		return err
	}
	if err := unmarshal(text, v); err != nil {
		return refuse(http.StatusBadRequest, "the body does not fit: %v", err)
	}
	return nil
}

// decodeExactly reads a body of JSON into what v points to, and refuses members that v lacks. The error
// begins with misfit.
func (c *call) decodeExactly(v any, limit int64, misfit string) error {
	text, err := c.readJSON(limit)
	if err != nil {
		return err
	}
	if err := plainjson.Decode(text, v); err != nil {
		return refuse(http.StatusBadRequest, "%s: %v", misfit, err)
	}
	return nil
}

// checkJSON answers 415 unless the body is JSON, or there is none. A page of another site cannot send
// this type without asking first.
func (c *call) checkJSON() error {
	given := c.r.Header.Get("Content-Type")
	if given == "" && c.r.ContentLength == 0 {
		return nil
	}
	kind, params, err := mime.ParseMediaType(given)
	if err != nil || kind != jsonType || params["charset"] != "" && !strings.EqualFold(params["charset"], "utf-8") {
		return refuse(http.StatusUnsupportedMediaType, "the body is %.80q, want %s", given, jsonType)
	}
	return nil
}

// checkCoding answers 415 to a compressed body, which would be stored as it is.
func (c *call) checkCoding() error {
	if coding := c.r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		return refuse(http.StatusUnsupportedMediaType, "the body has the coding %.40q, want none", coding)
	}
	return nil
}

// body returns the request's body, of at most limit bytes. A client that stops sending ends it.
func (c *call) body(limit int64) io.Reader {
	return bodyReader{http.MaxBytesReader(c.w, c.r.Body, limit), c.w}
}

// readerPool holds buffered readers of bodies. A decoder reads in small steps, and each would cost a system call.
type readerPool struct{ sync.Pool }

func (p *readerPool) take(from io.Reader) *bufio.Reader {
	r, _ := p.Get().(*bufio.Reader)
	if r == nil {
		return bufio.NewReaderSize(from, 64<<10)
	}
	r.Reset(from)
	return r
}

// leave gives a reader back, without what it has read.
func (p *readerPool) leave(r *bufio.Reader) {
	r.Reset(nil)
	p.Put(r)
}

// bodyReader gives errors that say what they are about.
type bodyReader struct {
	from io.Reader
	w    *response
}

// Read implements [io.Reader].
func (b bodyReader) Read(p []byte) (int, error) {
	_ = b.w.control.SetReadDeadline(time.Now().Add(b.w.patience)) // not every server can
	n, err := b.from.Read(p)
	switch size := new(http.MaxBytesError); {
	case err == nil, errors.As(err, &size):
		return n, err
	case err == io.EOF:
		_ = b.w.control.SetReadDeadline(time.Time{}) // for what follows may take longer
		return n, err
	case errors.Is(err, os.ErrDeadlineExceeded):
		return n, refuse(http.StatusRequestTimeout, "the body did not come in time")
	}
	return n, refuse(http.StatusBadRequest, "the body broke off")
}
