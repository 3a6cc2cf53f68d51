package rest_test

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
	"github.com/tandemdb/tandem/rest"
)

// listen starts a server on a socket of its own, with limits.
func listen(t *testing.T, limits rest.Limits) *server {
	t.Helper()
	s := &server{t: t, shop: open(t, "shop", tandem.Options{})}
	var err error
	s.handler, err = rest.NewHandler(rest.Configuration{
		Databases: []rest.Database{{Database: s.shop, ClientWrites: true}}, Users: testUsers(t), Limits: limits,
	})
	check(t, err)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	s.url = "http://" + l.Addr().String()
	served := make(chan error, 1)
	go func() { served <- s.handler.Serve(l, nil) }()
	t.Cleanup(func() {
		http.DefaultClient.CloseIdleConnections()
		check(t, s.handler.Close(context.Background()))
		check(t, <-served)
	})
	return s
}

// awaitEnd fails unless the server ends a connection.
func awaitEnd(t *testing.T, what string, conn net.Conn) string {
	t.Helper()
	check(t, conn.SetReadDeadline(time.Now().Add(testsize.Patience)))
	text, err := io.ReadAll(conn)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%s: the connection does not end", what)
	}
	return string(text)
}

func TestSlowClientsEnd(t *testing.T) {
	s := listen(t, rest.Limits{HeaderTime: 100 * time.Millisecond, Patience: 200 * time.Millisecond})
	long := strings.Repeat("x", 16<<20)
	s.want(s.do("PUT /shop/long", `{"a":"`+long+`"}`), 201, "")
	for what, text := range map[string]string{
		"a header that does not end": "GET / HTTP/1.1\r\nHost: localhost\r\nX: ",
		"a body that does not come":  "PUT /shop/a HTTP/1.1\r\n" + bobLogin + "Content-Length: 100\r\n\r\n{",
		"a bulk that does not come":  "POST /shop/_bulk_docs HTTP/1.1\r\n" + bobLogin + "Content-Length: 100\r\n\r\n{\"docs\":[",
	} {
		awaitEnd(t, what, s.raw(text))
	}
	reader := s.raw("GET /shop/long HTTP/1.1\r\n" + bobLogin + "Accept-Encoding: identity\r\n\r\n")
	check(t, reader.(*net.TCPConn).SetReadBuffer(4<<10))
	ctx, cancel := context.WithTimeout(t.Context(), testsize.Patience)
	defer cancel()
	if err := s.handler.Close(ctx); err != nil { // which waits for the request
		t.Errorf("a client that does not read is waited for: %v", err)
	}
	if text := awaitEnd(t, "an answer that is not read", reader); len(text) >= len(long) {
		t.Error("the whole answer was kept for a client that does not read")
	}
}

func TestConnectionsAreBounded(t *testing.T) {
	s := listen(t, rest.Limits{ConnectionsPerAddress: 3})
	const ask = "GET /_ping HTTP/1.1\r\nHost: localhost\r\n\r\n"
	var held []net.Conn
	for range 3 {
		conn := s.raw(ask)
		got, err := http.ReadResponse(bufio.NewReader(conn), nil)
		check(t, err)
		got.Body.Close()
		held = append(held, conn)
	}
	if text := awaitEnd(t, "a connection too many", s.raw(ask)); text != "" {
		t.Errorf("a connection too many gets %q", text)
	}
	held[0].Close()
	for { // until the server has seen that
		conn := s.raw(ask)
		got, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil {
			got.Body.Close()
			conn.Close()
			return
		}
	}
}

func TestAServerThatClosesSaysSo(t *testing.T) {
	s := serve(t, nil)
	check(t, s.handler.Close(t.Context()))
	check(t, s.handler.Close(t.Context()))
	s.want(s.do("GET /", ""), 503, "")
	if s.handler.Serve(nil, nil) == nil {
		t.Error("a closed handler serves")
	}
}

func TestAServerThatLeavesIsNotReady(t *testing.T) {
	s := serve(t, nil)
	s.want(s.do("GET /_ready", "", "As: "), 200, "")
	s.handler.Leave()
	s.want(s.do("GET /_ready", "", "As: "), 503, "")
	s.want(s.do("GET /shop/_all_docs", ""), 200, "")
}

func TestADatabaseThatClosesIsUnavailable(t *testing.T) {
	s := serve(t, nil)
	check(t, s.shop.Close())
	s.want(s.do("GET /shop/a", ""), 503, `{"error":"busy","reason":"*","x-litecore-domain":1,"x-litecore-code":6,"hint":"*","id":"*"}`)
	s.want(s.do("GET /_ready", "", "As: "), 503, "")
	s.want(s.do("GET /_ping", "", "As: "), 200, "")
}
