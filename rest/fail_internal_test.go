package rest

import (
	"context"
	"fmt"
	"net/http"
	"testing"
)

// A client that leaves is no failure of the server, which the log would have as an error.
func TestAClientThatLeavesIsNoFailure(t *testing.T) {
	for _, err := range []error{context.Canceled, fmt.Errorf("read: %w", context.DeadlineExceeded)} {
		if status := statusOf(err); status != http.StatusServiceUnavailable {
			t.Errorf("%v: got %d, want 503", err, status)
		}
	}
}
