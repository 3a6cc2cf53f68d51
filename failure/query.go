package failure

import "fmt"

// QueryError tells why a query is invalid or has failed. For [errors.Is] it equals package tandem's
// error for an invalid query.
type QueryError struct {
	Pos     int    // byte of the text where the mistake was found; -1 if the query failed while it ran
	Message string // the mistake, or what was expected
	Hint    string // advice, or ""
}

// invalidQuery is the code of a query that is invalid or cannot run.
const invalidQuery = 23

// Error returns the message and the place.
func (e *QueryError) Error() string {
	if e.Pos < 0 {
		return "the query failed: " + e.Message
	}
	return fmt.Sprintf("invalid query: %s, at byte %d", e.Message, e.Pos)
}

// Unwrap returns the error with its code.
func (e *QueryError) Unwrap() error {
	return &Error{Domain: Database, Code: invalidQuery, Message: e.Error(), Hint: e.Hint}
}

// Try returns a copy of e with a hint.
func (e *QueryError) Try(hint string) *QueryError {
	c := *e
	c.Hint = hint
	return &c
}
