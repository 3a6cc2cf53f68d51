package fault

import (
	"errors"
	"fmt"
	"io/fs"
)

// Domain says which family an error code belongs to. Its text is the name the wire uses.
type Domain string

// The domains. BLIP and HTTP occur on the wire only; HTTP arrives in the WebSocket domain.
const (
	Tandem    Domain = "LiteCore" // the database and the replicator: the codes of Couchbase Lite
	POSIX     Domain = "POSIX"
	SQLite    Domain = "SQLite"
	Fleece    Domain = "Fleece" // malformed JSON
	Network   Domain = "Network"
	WebSocket Domain = "WebSocket" // HTTP statuses and WebSocket close codes
	TLS       Domain = "mbedTLS"
	BLIP      Domain = "BLIP"
	HTTP      Domain = "HTTP"
)

// Error is one failure. Op and Subject say what was done to what, Message what went wrong,
// Hint what to try; each may be empty. Err is the cause, or nil. It is immutable.
type Error struct {
	Domain  Domain
	Code    int
	Op      string // what was being done: "open database"
	Subject string // on what: a path, a document ID, a URL
	Message string // what failed, in the words of whoever found it
	Hint    string // what to try, a full clause for people
	Err     error
}

// Error renders "op subject: message: cause".
func (e *Error) Error() string {
	text := e.Message
	if text == "" && e.Err == nil {
		text = fmt.Sprintf("%s error %d", e.Domain, e.Code)
	}
	if e.Err != nil {
		if text != "" {
			text += ": "
		}
		text += e.Err.Error()
	}
	what := e.Op
	if e.Subject != "" {
		if what != "" {
			what += " "
		}
		what += e.Subject
	}
	if what == "" {
		return text
	}
	return what + ": " + text
}

// Unwrap returns the cause, or nil.
func (e *Error) Unwrap() error { return e.Err }

// Is reports whether target is an *Error of the same domain and code. What is not found is
// [fs.ErrNotExist], too.
func (e *Error) Is(target error) bool {
	if target == fs.ErrNotExist {
		target = NotFound
	}
	t, ok := target.(*Error)
	return ok && t.Domain == e.Domain && t.Code == e.Code
}

// In returns a copy of e that says what was being done to what. Use it on the sentinels:
// fault.NotFound.In("get document", id).
func (e *Error) In(op, subject string) *Error {
	c := *e
	c.Op, c.Subject = op, subject
	return &c
}

// Because returns a copy of e with the cause err.
func (e *Error) Because(err error) *Error {
	c := *e
	c.Err = err
	return &c
}

// Says returns a copy of e with another message, formatted.
func (e *Error) Says(format string, args ...any) *Error {
	c := *e
	c.Message = fmt.Sprintf(format, args...)
	return &c
}

// Try returns a copy of e with a hint for people.
func (e *Error) Try(hint string) *Error {
	c := *e
	c.Hint = hint
	return &c
}

// Of returns the first *Error in err's chain, or nil.
func Of(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// HasCode reports whether the first *Error in err's chain has this domain and code.
func HasCode(err error, domain Domain, code int) bool {
	e := Of(err)
	return e != nil && e.Domain == domain && e.Code == code
}

// About adds to err what was being done to what, if err itself is an *Error that does not say so.
// Any other error, nil too, is returned as it is.
func About(err error, op, subject string) error {
	if e, ok := err.(*Error); ok && e.Op == "" { //nolint:errorlint // a cause says what it was about itself
		return e.In(op, subject)
	}
	return err
}
