package rest

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"net/http"
	"strings"
)

// Limits of bodies, in bytes.
const (
	maxRequest  = 1 << 20   // of a body that is a request, not data
	maxDocument = 20 << 20  // of a document
	maxBulk     = 100 << 20 // of many documents
)

// readJSON reads a body of JSON whole. A longer one is answered 413, one of another type 415.
func (c *call) readJSON(limit int64) ([]byte, error) {
	if err := c.checkJSON(); err != nil {
		return nil, err
	}
	var text bytes.Buffer
	if n := c.r.ContentLength; n > 0 {
		text.Grow(int(min(n, limit, 1<<20)) + bytes.MinRead)
	}
	_, err := text.ReadFrom(c.body(limit))
	return text.Bytes(), err
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

// body returns the request's body, of at most limit bytes.
func (c *call) body(limit int64) io.Reader {
	return bodyReader{http.MaxBytesReader(c.w, c.r.Body, limit)}
}

// bodyReader gives errors that say what they are about.
type bodyReader struct{ from io.Reader }

func (b bodyReader) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	if size := new(http.MaxBytesError); err == nil || err == io.EOF || errors.As(err, &size) { //nolint:errorlint // as Readers give it
		return n, err
	}
	return n, refuse(http.StatusBadRequest, "the body broke off")
}
