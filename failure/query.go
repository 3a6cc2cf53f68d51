package failure

import "fmt"

// QueryError says why a query is invalid, or has failed. For [errors.Is] it is the error of package tandem for an
// invalid query.
type QueryError struct {
	Pos     int    // the byte of the text where it was noticed; -1 for what was noticed as it ran
	Message string // what is wrong, or what was expected
	Hint    string // what to try, or ""
}

// invalidQuery is the code of a query that cannot be understood, or cannot be run.
const invalidQuery = 23

// Error renders the message and the place.
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
