package transport_test

import (
	"context"
	"errors"
	"testing"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/transport"
)

// answering serves BLIP on a connection: every request gets an empty reply.
func answering(c *transport.Conn) {
	conn := blip.NewConn(c, blip.Config{Handler: func(r *blip.Request) { r.Reply(&blip.Message{}) }})
	_ = conn.Run(context.Background())
}

// A listener that stops while both sides use BLIP still sends 1001.
func TestBLIPLearnsThatTheListenerStops(t *testing.T) {
	s := listen(t, transport.ServerConfig{Certificate: issue(t, nil, nil).tls(), Handler: answering})
	c := mustDial(t, s, transport.DialConfig{Trust: transport.Trust{SelfSignedOnly: true}})
	conn := blip.NewConn(c, blip.Config{})
	ended := make(chan error, 1)
	go func() { ended <- conn.Run(context.Background()) }()
	answered := make(chan struct{})
	go func() {
		for i := 0; ; i++ {
			if _, err := conn.Call(context.Background(), &blip.Message{Body: make([]byte, 20_000)}); err != nil {
				return
			}
			if i == 10 {
				close(answered)
			}
		}
	}()
	<-answered
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	var closed *blip.CloseError
	if err := <-ended; !errors.As(err, &closed) || closed.Code != 1001 {
		t.Errorf("got %v, want 1001", err)
	}
}

// BenchmarkBLIP sends requests of 1 kB, each answered, over wss.
func BenchmarkBLIP(b *testing.B) {
	s := listen(b, transport.ServerConfig{Certificate: issue(b, nil, nil).tls(), Handler: answering})
	c := mustDial(b, s, transport.DialConfig{Trust: transport.Trust{SelfSignedOnly: true}})
	conn := blip.NewConn(c, blip.Config{})
	ended := make(chan error, 1)
	go func() { ended <- conn.Run(context.Background()) }()
	window := make(chan struct{}, 1000) // requests not answered yet
	body := make([]byte, 1000)
	for b.Loop() {
		window <- struct{}{}
		err := conn.Send(&blip.Message{Body: body}, func(*blip.Reply, error) { <-window })
		if err != nil {
			b.Fatal(err)
		}
	}
	for range cap(window) {
		window <- struct{}{}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "requests/s")
	conn.Close(1000, "")
	if err := <-ended; err != nil {
		b.Error(err)
	}
}
