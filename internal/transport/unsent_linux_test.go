package transport_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/transport"
)

// If a peer reads nothing, the writer stalls after the peer's system has filled up and our short
// queue, in both roles, with and without TLS. The system's own queue would hold megabytes.
func TestAWriterSoonNoticesThatItsPeerIsSlow(t *testing.T) {
	for name, cfg := range map[string]transport.ServerConfig{
		"ws": {}, "wss": {Certificate: issue(t, nil, nil).tls()},
	} {
		for _, role := range []string{"replicator", "listener"} {
			t.Run(name+" "+role, func(t *testing.T) {
				accepted := make(chan *transport.Conn, 1)
				over := make(chan struct{})
				cfg := cfg
				cfg.Handler = func(c *transport.Conn) { accepted <- c; <-over }
				s := listen(t, cfg)
				writer := mustDial(t, s, transport.DialConfig{Trust: transport.Trust{SelfSignedOnly: cfg.Certificate != nil}})
				if passive := <-accepted; role == "listener" {
					writer = passive
				}
				taken := takenWithoutReader(t, writer)
				close(over)
				t.Logf("%d kB are taken", taken>>10)
				if taken > 1<<20 {
					t.Errorf("%d bytes are taken while nobody reads, want 1 MiB at most", taken)
				}
			})
		}
	}
}

// takenWithoutReader writes until the connection stalls, and returns how many bytes it took.
func takenWithoutReader(t *testing.T, c *transport.Conn) int64 {
	t.Helper()
	var taken atomic.Int64
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for message := make([]byte, 16<<10); c.Write(context.Background(), message) == nil; {
			taken.Add(int64(len(message)))
		}
	}()
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for before := int64(-1); before != taken.Load(); <-tick.C {
		before = taken.Load()
	}
	_ = c.Abort()
	<-ended
	return taken.Load()
}
