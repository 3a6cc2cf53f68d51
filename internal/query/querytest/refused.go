package querytest

import (
	"errors"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/syntax"
)

// Refused checks that err refuses a query at a position, and that its message and hint contain the
// given texts.
func Refused(t testing.TB, query string, err error, pos int, message, hint string) {
	t.Helper()
	var got *syntax.Error
	if !errors.As(err, &got) {
		t.Errorf("%s: got %v, want a *syntax.Error", query, err)
		return
	}
	if got.Pos != pos || !strings.Contains(got.Message, message) || !strings.Contains(got.Hint, hint) {
		t.Errorf("%s:\ngot  %d %q, hint %q\nwant %d %q, hint %q", query, got.Pos, got.Message, got.Hint, pos, message, hint)
	}
	if !errors.Is(err, fault.InvalidQuery) {
		t.Errorf("%s: %v does not match fault.InvalidQuery", query, err)
	}
}
