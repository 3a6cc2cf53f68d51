package transport_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/tandemdb/tandem/internal/transport"
)

// Another protocol has the port, too, while it is open, for clients that the authenticator refuses.
func TestAnotherProtocolIsServedAside(t *testing.T) {
	server, stranger := issue(t, nil, nil), issue(t, nil, nil).tls()
	var open atomic.Bool
	open.Store(true)
	s := listen(t, transport.ServerConfig{
		Certificate:   server.tls(),
		Authenticator: transport.ClientVerified(func([]*x509.Certificate) error { return errors.New("nobody") }),
		Aside: &transport.Aside{
			Protocol: "echo/1", Open: open.Load,
			Serve: func(_ context.Context, conn *tls.Conn, from netip.Addr) {
				if !from.IsLoopback() {
					t.Errorf("the client is at %s", from)
				}
				_, _ = io.CopyN(conn, conn, 3)
			},
		},
	})
	ask := func(change func(*tls.Config)) (string, error) {
		cfg := &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"echo/1"}, Certificates: []tls.Certificate{*stranger}} //nolint:gosec // a test
		change(cfg)
		conn, err := tls.Dial("tcp", address(s), cfg)
		if err != nil {
			return "", err
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, "abc"); err != nil {
			return "", err
		}
		text, err := io.ReadAll(conn)
		return string(text), err
	}
	as := func(*tls.Config) {}
	if text, err := ask(as); text != "abc" || err != nil {
		t.Errorf("got %q, %v", text, err)
	}
	for name, change := range map[string]func(*tls.Config){
		"TLS 1.2":        func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 },
		"no certificate": func(c *tls.Config) { c.Certificates = nil },
		"no protocol":    func(c *tls.Config) { c.NextProtos = nil },
	} {
		if text, err := ask(change); err == nil && text != "" {
			t.Errorf("%s: got %q", name, text)
		}
	}
	open.Store(false)
	if text, err := ask(as); err == nil && text != "" {
		t.Errorf("while it is closed: got %q", text)
	}
}
