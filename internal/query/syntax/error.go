package syntax

import (
	"fmt"

	"github.com/tandemdb/tandem/failure"
)

// Error tells why a query is invalid, or has failed. It matches fault.InvalidQuery.
type Error = failure.QueryError

// Errorf returns an error at a position of the text.
func Errorf(pos int, format string, args ...any) *Error {
	return &Error{Pos: pos, Message: fmt.Sprintf(format, args...)}
}

// Failed makes an error of a run.
func Failed(format string, args ...any) *Error { return Errorf(-1, format, args...) }
