package syntax

import (
	"fmt"

	"github.com/tandemdb/tandem/internal/fault"
)

// Error tells why a query is invalid. It matches fault.InvalidQuery.
type Error struct {
	Pos     int    // byte of the text where the mistake was found
	Message string // the mistake, or what was expected
	Hint    string // advice, or ""
}

// Errorf returns an error at a position of the text.
func Errorf(pos int, format string, args ...any) *Error {
	return &Error{Pos: pos, Message: fmt.Sprintf(format, args...)}
}

// Try returns a copy of e with a hint.
func (e *Error) Try(hint string) *Error {
	c := *e
	c.Hint = hint
	return &c
}

func (e *Error) Error() string {
	return fmt.Sprintf("invalid query: %s, at byte %d", e.Message, e.Pos)
}

// Unwrap returns the error's code.
func (e *Error) Unwrap() error {
	return fault.InvalidQuery.Says("invalid query: %s, at byte %d", e.Message, e.Pos).Try(e.Hint)
}
