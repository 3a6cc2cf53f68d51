package openapi

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"io"
	"net"
	"net/http"
)

// mostWatched bounds the part of a body that is kept for the check.
const mostWatched = 4 << 20

// mostUnzipped bounds it when it is unzipped: what is longer counts as cut.
const mostUnzipped = 4 * mostWatched

// Watch returns a handler that passes requests to next, and reports each answer that the document
// does not describe. It reports when next returns, on the goroutine of the request.
func (d *Document) Watch(next http.Handler, report func(error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		watched := &writer{ResponseWriter: w}
		returned := false
		defer func() {
			if watched.hijacked || watched.truncated || r.Method == http.MethodOptions { // a browser's question, which concerns no path
				return
			}
			// A client that has left may have caused a status that nobody gets.
			if watched.status == 0 && (r.Context().Err() != nil || !returned) {
				return
			}
			if err := d.Check(watched.answer(r, !returned)); err != nil {
				report(err)
			}
		}()
		next.ServeHTTP(watched, r)
		returned = true
	})
}

// writer keeps what it passes on.
type writer struct {
	http.ResponseWriter
	status    int
	body      []byte
	truncated bool
	hijacked  bool
}

// Unwrap is for [http.ResponseController].
func (w *writer) Unwrap() http.ResponseWriter {
	return w.ResponseWriter
}

// Hijack hands out the connection, which nothing can be said about then.
func (w *writer) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	w.hijacked = true
	return http.NewResponseController(w.ResponseWriter).Hijack()
}

// WriteHeader notes the status. After a switch of protocols there is nothing to check.
func (w *writer) WriteHeader(status int) {
	w.hijacked = w.hijacked || status == http.StatusSwitchingProtocols
	if w.status == 0 && status >= 200 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write keeps the bytes, up to a limit.
func (w *writer) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	if len(w.body)+len(p) > mostWatched {
		w.truncated = true
	} else {
		w.body = append(w.body, p...)
	}
	return w.ResponseWriter.Write(p)
}

func (w *writer) answer(r *http.Request, cut bool) Answer {
	status := w.status
	if status == 0 {
		status = http.StatusOK
	}
	body := w.plain()
	return Answer{
		Method: r.Method, Path: r.URL.EscapedPath(), Status: status,
		Header: w.Header(), Body: body, Cut: cut || len(body) >= mostUnzipped || r.Context().Err() != nil,
	}
}

// plain returns the body as it was before it was compressed, as far as it goes.
func (w *writer) plain() []byte {
	if w.Header().Get("Content-Encoding") != "gzip" || len(w.body) == 0 {
		return w.body
	}
	zipped, err := gzip.NewReader(bytes.NewReader(w.body))
	if err != nil {
		return w.body
	}
	text, _ := io.ReadAll(io.LimitReader(zipped, mostUnzipped)) // up to where it was cut
	return text
}
