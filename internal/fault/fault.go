package fault

import (
	"errors"

	"github.com/tandemdb/tandem/failure"
)

// Domain is the family of an error code.
type Domain = failure.Domain

// The domains. BLIP and HTTP occur on the wire only; HTTP arrives in the WebSocket domain.
const (
	Tandem           = failure.Database
	POSIX            = failure.POSIX
	SQLite           = failure.SQLite
	Fleece           = failure.JSON
	Network          = failure.Network
	WebSocket        = failure.WebSocket
	TLS              = failure.TLS
	BLIP      Domain = "BLIP"
	HTTP      Domain = "HTTP"
)

// Error is one failure. Programs know it from package failure.
type Error = failure.Error

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

// About adds the operation and its subject to err, if err itself is an *Error without an
// operation. It returns any other error, including nil, unchanged.
func About(err error, op, subject string) error {
	if e, ok := err.(*Error); ok && e.Op == "" { //nolint:errorlint // a cause says what it was about itself
		return e.In(op, subject)
	}
	return err
}
