package failure

import (
	"fmt"
	"io/fs"
)

// Domain is the family of an error code. Its text is the name on the wire.
type Domain string

// The domains.
const (
	Database  Domain = "LiteCore"  // the database and the replicator: the codes of Couchbase Lite
	POSIX     Domain = "POSIX"     // codes of the operating system
	SQLite    Domain = "SQLite"    // codes of SQLite
	JSON      Domain = "Fleece"    // malformed JSON
	Network   Domain = "Network"   // codes of Couchbase Lite
	WebSocket Domain = "WebSocket" // HTTP statuses below 1000, WebSocket close codes above
	TLS       Domain = "mbedTLS"   // codes of Couchbase Lite
)

// Error is one failure. It is immutable. All its fields but the first two may be empty.
type Error struct {
	Domain  Domain
	Code    int
	Op      string // the operation: "open database"
	Subject string // its object: a path, a document ID, a URL
	Message string // the failure, in the words of the code that detected it
	Hint    string // advice for people, a full clause
	Err     error  // the cause
}

// Error returns "op subject: message: cause".
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

// notFound is the code of a document, collection, blob or database that does not exist.
const notFound = 7

// Is reports whether target is an *Error with the same domain and code. A missing document,
// collection, blob or database also is [fs.ErrNotExist].
func (e *Error) Is(target error) bool {
	if target == fs.ErrNotExist {
		return e.Domain == Database && e.Code == notFound
	}
	t, ok := target.(*Error)
	return ok && t.Domain == e.Domain && t.Code == e.Code
}

// In returns a copy of e with the operation and its object.
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
