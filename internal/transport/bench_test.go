package transport_test

import (
	"context"
	"testing"

	"github.com/tandemdb/tandem/internal/transport"
)

// BenchmarkFrames sends frames of 1 kB to a peer, each with its own write or many per write.
func BenchmarkFrames(b *testing.B) {
	for _, scheme := range []string{"ws", "wss"} {
		for _, way := range []string{"alone", "together"} {
			b.Run(scheme+"/"+way, func(b *testing.B) { benchmarkFrames(b, scheme == "wss", way == "alone") })
		}
	}
}

func benchmarkFrames(b *testing.B, secure, alone bool) {
	ctx, frame := context.Background(), make([]byte, 1000)
	cfg := transport.ServerConfig{Handler: func(c *transport.Conn) {
		for {
			m, err := c.Read(ctx)
			if err != nil {
				return
			}
			if len(m) == 0 { // the last one
				_ = c.Write(ctx, nil)
				_ = c.Flush(ctx)
			}
		}
	}}
	if secure {
		cfg.Certificate = issue(b, nil, nil).tls()
	}
	c := mustDial(b, listen(b, cfg), transport.DialConfig{Trust: transport.Trust{SelfSignedOnly: true}})
	b.SetBytes(int64(len(frame)))
	b.ReportAllocs()
	for b.Loop() {
		_ = c.Write(ctx, frame)
		if alone {
			_ = c.Flush(ctx)
		}
	}
	_ = c.Write(ctx, nil)
	_ = c.Flush(ctx)
	if _, err := c.Read(ctx); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "frames/s")
}
