package rest

import (
	"errors"
	"net/http"
	"time"
)

// response notes what was answered, for the log, and for errors that come too late. A client that does
// not read ends it after a while.
type response struct {
	http.ResponseWriter
	control  *http.ResponseController
	patience time.Duration // see [Limits]
	until    time.Time     // when a write is given up
	status   int           // 0 before the header is written
	bytes    int64
}

func newResponse(w http.ResponseWriter, patience time.Duration) *response {
	return &response{ResponseWriter: w, control: http.NewResponseController(w), patience: patience}
}

// WriteHeader implements [http.ResponseWriter].
func (w *response) WriteHeader(status int) {
	if w.status == 0 && status != http.StatusContinue {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write implements [http.ResponseWriter].
func (w *response) Write(p []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	w.limit()
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// flush sends what was written.
func (w *response) flush() error {
	w.limit()
	err := w.control.Flush()
	if errors.Is(err, http.ErrNotSupported) {
		return nil
	}
	return err
}

// limit sets the time for the next bytes. Servers end it with the answer. What was set a moment ago is
// good enough, since setting it costs a tenth of what an event of a feed does.
func (w *response) limit() {
	now := time.Now()
	if w.until.Sub(now) > w.patience-w.patience/8 {
		return
	}
	w.until = now.Add(w.patience)
	_ = w.control.SetWriteDeadline(w.until) // not every server can
}

// Unwrap is for [http.ResponseController].
func (w *response) Unwrap() http.ResponseWriter { return w.ResponseWriter }
