package transport_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"github.com/tandemdb/tandem/internal/transport"
)

// A dial whose context ends as the answer comes returns a connection or an error. In both cases it
// leaves no goroutine: TestMain would find one.
func TestADialCancelledAtItsEndLeavesNothing(t *testing.T) {
	for range 300 {
		ctx, cancel := context.WithCancel(t.Context())
		at, _ := rawServer(t, func(request string) string {
			go cancel()
			return switching(request)
		})
		c, err := transport.Dial(ctx, transport.DialConfig{Endpoint: at, Protocols: []string{cbm4}})
		switch {
		case err == nil:
			_ = c.Abort()
		case c != nil:
			t.Errorf("got a connection and %v", err)
		case !errors.Is(err, context.Canceled) && !errors.Is(err, net.ErrClosed) && !errors.Is(err, io.EOF):
			t.Errorf("got %v, want %v", err, context.Canceled)
		}
		cancel()
	}
}
