package page

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Visit is a request for the page by somebody.
type Visit struct {
	// Path is what follows /_tandem/, escaped.
	Path string

	// User is who has logged in; "" for nobody, where everybody is let in.
	User       string
	Admin      bool
	Replicates bool

	// Stranger is somebody who has to log in first.
	Stranger bool

	// Ask sends a request to REST as the user.
	Ask func(Request) Answer

	// Pass has REST answer the client itself. The header of the answer may be changed before it is sent.
	Pass func(r Request, change func(http.Header))

	// Login logs in, by a name and a password or by the token of a link, and returns a reason, "" for
	// success. Only the login has it, as only the logout has Logout.
	Login  func(name, password, token string) string
	Logout func()
}

// Request is a request to REST. The zero values of Method, Body and Match are GET and none.
type Request struct {
	Method string
	Path   string // escaped, with parameters
	Body   []byte // JSON
	Match  string // the revision of If-Match
	Most   int    // bytes of the answer; 0 for the usual bound
}

// Reader returns the body.
func (r Request) Reader() io.Reader { return bytes.NewReader(r.Body) }

// Header returns the header of the request.
func (r Request) Header() http.Header {
	header := http.Header{}
	if r.Body != nil {
		header.Set("Content-Type", "application/json")
	}
	if r.Match != "" {
		header.Set("If-Match", `"`+r.Match+`"`)
	}
	return header
}

// Answer is the answer of REST.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	Cut    bool // the body is longer than the bound of the request, or broke off
}

// Problem is an answer that is no success, for people.
type Problem struct {
	Status int    `json:"-"`
	Reason string `json:"reason"`
	Hint   string `json:"hint"`
}

func (p *Problem) Error() string { return p.Reason }

// errCut is the problem of an answer that is not whole.
var errCut = &Problem{Status: http.StatusRequestEntityTooLarge, Reason: "this is too large to show here"}

// Problem returns what is wrong with the answer, nil if nothing is.
func (a Answer) Problem() *Problem {
	switch {
	case a.Status >= http.StatusBadRequest:
		p := &Problem{Status: a.Status}
		if json.Unmarshal(a.Body, p) != nil || p.Reason == "" {
			p.Reason = http.StatusText(a.Status)
		}
		return p
	case a.Cut:
		return errCut
	}
	return nil
}

// get decodes the answer to a GET into v. The error is a *Problem.
func (v *Visit) get(to any, format string, args ...any) error {
	return v.send(to, Request{Path: fmt.Sprintf(format, escaped(args)...)})
}

// send decodes the answer to a request into to, unless that is nil. The error is a *Problem.
func (v *Visit) send(to any, r Request) error {
	answer := v.Ask(r)
	if p := answer.Problem(); p != nil {
		return p
	}
	if to == nil {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(answer.Body))
	decoder.UseNumber()
	if err := decoder.Decode(to); err != nil {
		return &Problem{Status: http.StatusInternalServerError, Reason: fmt.Sprintf("the answer cannot be read: %v", err)}
	}
	return nil
}

// escaped escapes the texts among the arguments of a path, each for one segment or parameter.
func escaped(args []any) []any {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = segment(text)
		}
	}
	return args
}

// segment escapes a name for a segment of a path. A dot would part the name of a database from that of a
// collection.
func segment(name string) string { return strings.ReplaceAll(url.PathEscape(name), ".", "%2E") }

// shownID escapes the ID of a document for a path of the page. Browsers take dots for steps in the path, escaped
// ones, too: a semicolon, which is escaped in all other IDs, goes behind them.
func shownID(id string) string {
	if id == "." || id == ".." {
		return id + ";"
	}
	return url.PathEscape(id)
}

// problemOf returns err as a problem for people.
func problemOf(err error) *Problem {
	if p := new(Problem); errors.As(err, &p) {
		return p
	}
	return &Problem{Status: http.StatusInternalServerError, Reason: err.Error()}
}

// isStatus reports whether err is an answer of a status.
func isStatus(err error, status int) bool {
	p := new(Problem)
	return errors.As(err, &p) && p.Status == status
}

// usualMost bounds an answer that names no bound.
const usualMost = 4 << 20

// Buffer is an [http.ResponseWriter] that keeps an answer up to a bound.
type Buffer struct {
	answer Answer
	most   int
}

// NewBuffer returns a buffer for an answer of at most so many bytes; 0 means the usual bound.
func NewBuffer(most int) *Buffer {
	if most == 0 {
		most = usualMost
	}
	return &Buffer{Answer{Header: http.Header{}}, most}
}

// Answer returns what was written. The buffer is not used any more.
func (b *Buffer) Answer() Answer { return b.answer }

// Header implements [http.ResponseWriter].
func (b *Buffer) Header() http.Header { return b.answer.Header }

// WriteHeader implements [http.ResponseWriter].
func (b *Buffer) WriteHeader(status int) { b.answer.Status = status }

// Write implements [http.ResponseWriter].
func (b *Buffer) Write(p []byte) (int, error) {
	if b.answer.Status == 0 {
		b.answer.Status = http.StatusOK
	}
	if len(b.answer.Body)+len(p) > b.most {
		b.answer.Cut = true
		return 0, errCut
	}
	b.answer.Body = append(b.answer.Body, p...)
	return len(p), nil
}
