package syntax

import (
	"fmt"

	"github.com/tandemdb/tandem/internal/fault"
)

// Error tells why a query is invalid, or has failed. It matches fault.InvalidQuery.
type Error struct {
	Pos     int    // byte of the text where the mistake was found; -1 for one that was found as the query ran
	Message string // the mistake, or what was expected
	Hint    string // advice, or ""
}

// Errorf returns an error at a position of the text.
func Errorf(pos int, format string, args ...any) *Error {
	return &Error{Pos: pos, Message: fmt.Sprintf(format, args...)}
}

// Failed makes an error of a run.
func Failed(format string, args ...any) *Error { return Errorf(-1, format, args...) }

// Try returns a copy of e with a hint.
func (e *Error) Try(hint string) *Error {
	c := *e
	c.Hint = hint
	return &c
}

func (e *Error) Error() string {
	if e.Pos < 0 {
		return "the query failed: " + e.Message
	}
	return fmt.Sprintf("invalid query: %s, at byte %d", e.Message, e.Pos)
}

// Unwrap returns the error's code.
func (e *Error) Unwrap() error {
	return fault.InvalidQuery.Says("%s", e.Error()).Try(e.Hint)
}
