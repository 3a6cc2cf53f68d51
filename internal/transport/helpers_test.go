package transport_test

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/testsize"
	"github.com/tandemdb/tandem/internal/transport"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const cbm4 = "BLIP_3+CBMobile_4"

// listen starts a server on loopback and closes it at the end of the test. Its handler echoes
// unless cfg has another.
func listen(t testing.TB, cfg transport.ServerConfig) *transport.Server {
	t.Helper()
	if cfg.Databases == nil {
		cfg.Databases = []transport.Database{{Name: "db", Protocols: []string{cbm4}}}
	}
	if cfg.Interface == "" {
		cfg.Interface = "127.0.0.1"
	}
	if cfg.Handler == nil {
		cfg.Handler = echo
	}
	s, err := transport.Listen(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), testsize.Patience)
		defer cancel()
		if err := s.Close(ctx); err != nil {
			t.Errorf("close the server: %v", err)
		}
	})
	return s
}

// echo sends every message back.
func echo(c *transport.Conn) {
	ctx := context.Background()
	for {
		m, err := c.Read(ctx)
		if err != nil || c.Write(ctx, m) != nil || c.Flush(ctx) != nil {
			return
		}
	}
}

func endpoint(t testing.TB, url string) transport.Endpoint {
	t.Helper()
	e, err := transport.ParseEndpoint(url)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// dial connects to s with cfg, and fills in defaults.
func dial(t testing.TB, s *transport.Server, cfg transport.DialConfig) (*transport.Conn, error) {
	t.Helper()
	if cfg.Endpoint == (transport.Endpoint{}) {
		cfg.Endpoint = endpoint(t, s.URLs()[0])
	}
	if cfg.Protocols == nil {
		cfg.Protocols = []string{cbm4}
	}
	c, err := transport.Dial(t.Context(), cfg)
	if err == nil {
		t.Cleanup(func() { _ = c.Abort() })
	}
	return c, err
}

// mustDial is a dial that must succeed.
func mustDial(t testing.TB, s *transport.Server, cfg transport.DialConfig) *transport.Conn {
	t.Helper()
	c, err := dial(t, s, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// checkEcho proves that c works both ways.
func checkEcho(t testing.TB, c *transport.Conn) {
	t.Helper()
	if err := c.Write(t.Context(), []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if err := c.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	m, err := c.Read(t.Context())
	if err != nil || string(m) != "hello" {
		t.Fatalf("got %q, %v; want hello", m, err)
	}
}

// checkFault checks that err is a fault with that domain and code.
func checkFault(t testing.TB, err error, domain fault.Domain, code int) {
	t.Helper()
	if f := fault.Of(err); f == nil || f.Domain != domain || f.Code != code {
		t.Errorf("got %v (%+v), want %s/%d", err, f, domain, code)
	}
}

// checkReached proves that s can be reached, and closes its connection.
func checkReached(t testing.TB, s *transport.Server, cfg transport.DialConfig) {
	t.Helper()
	c, err := dial(t, s, cfg)
	if err != nil {
		t.Error(err)
		return
	}
	checkEcho(t, c)
	_ = c.Abort()
}
