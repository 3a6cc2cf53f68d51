package websocket_test

import (
	"bufio"
	"context"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	coder "github.com/coder/websocket"
	"go.uber.org/goleak"

	"github.com/tandemdb/tandem/internal/transport/websocket"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sockets returns the two ends of a TCP connection.
func sockets(t testing.TB) (client, server net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close(); server.Close() })
	return client, server
}

// pair returns the two ends of a WebSocket over TCP.
func pair(t testing.TB) (client, server *websocket.Conn) {
	t.Helper()
	a, b := sockets(t)
	return open(t, a, websocket.Config{Client: true}), open(t, b, websocket.Config{})
}

// open makes a WebSocket and drops it at the end of the test.
func open(t testing.TB, nc net.Conn, cfg websocket.Config) *websocket.Conn {
	c := websocket.New(nc, cfg)
	t.Cleanup(func() { _ = c.Abort() })
	return c
}

func send(t testing.TB, c *websocket.Conn, message []byte) {
	t.Helper()
	if err := errors.Join(c.Write(context.Background(), message), c.Flush(context.Background())); err != nil {
		t.Error(err)
	}
}

// closeOf returns the code and reason of the peer's CLOSE in err, or 0.
func closeOf(err error) (int, string) {
	var closed *websocket.CloseError
	if !errors.As(err, &closed) {
		return 0, ""
	}
	return closed.Code, closed.Reason
}

// coderServer is another implementation's server on nc, with a made-up handshake.
func coderServer(t testing.TB, nc net.Conn) *coder.Conn {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-Websocket-Version": {"13"}, "Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="},
	}
	c, err := coder.Accept(hijacked{httptest.NewRecorder(), nc}, r, nil)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// hijacked gives nc away.
type hijacked struct {
	*httptest.ResponseRecorder
	nc net.Conn
}

func (h hijacked) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	return h.nc, bufio.NewReadWriter(bufio.NewReader(h.nc), bufio.NewWriter(h.nc)), nil
}

// coderClient is another implementation's client on nc, with a made-up handshake.
func coderClient(t testing.TB, nc net.Conn) *coder.Conn {
	t.Helper()
	options := &coder.DialOptions{HTTPClient: &http.Client{Transport: upgraded{nc}}}
	c, _, err := coder.Dial(t.Context(), "ws://peer/", options)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// upgraded answers every request with nc.
type upgraded struct{ nc net.Conn }

func (u upgraded) RoundTrip(r *http.Request) (*http.Response, error) {
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return &http.Response{
		StatusCode: http.StatusSwitchingProtocols,
		Header: http.Header{
			"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
			"Sec-Websocket-Accept": {base64.StdEncoding.EncodeToString(sum[:])},
		},
		Body: u.nc,
	}, nil
}
