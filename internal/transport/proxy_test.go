package transport_test

import (
	"bufio"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/transport"
)

// rawProxy takes one connection, agrees to its CONNECT, and plays the peer behind it.
func rawProxy(t testing.TB, answer func(request string) string) (*url.URL, func() []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var requests []string
	heard := make(chan struct{})
	all.Go(func() {
		nc, err := l.Accept()
		if err != nil {
			return
		}
		defer nc.Close()
		br := bufio.NewReader(nc)
		requests = append(requests, readHead(br))
		_, _ = io.WriteString(nc, "HTTP/1.1 200 Connection established\r\n\r\n")
		requests = append(requests, readHead(br))
		close(heard)
		_, _ = io.WriteString(nc, answer(requests[1]))
		_, _ = io.Copy(io.Discard, nc)
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return &url.URL{Scheme: "http", Host: l.Addr().String()}, func() []string { <-heard; return requests }
}

func TestAProxyIsTunnelledThrough(t *testing.T) {
	proxy, requests := rawProxy(t, switching)
	proxy.User = url.UserPassword("u", "p")
	c, err := transport.Dial(t.Context(), transport.DialConfig{
		Endpoint: endpoint(t, "ws://peer.example:4984/db"), Protocols: []string{cbm4}, Proxy: proxy,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Abort()
	want := "CONNECT peer.example:4984 HTTP/1.1\r\nHost: peer.example:4984\r\nProxy-Authorization: Basic dTpw\r\n\r\n"
	if got := requests()[0]; got != want {
		t.Errorf("the proxy got %q, want %q", got, want)
	}
	if !strings.HasPrefix(requests()[1], "GET /db/_blipsync HTTP/1.1\r\nHost: peer.example:4984\r\n") {
		t.Errorf("the peer got %q", requests()[1])
	}
	if strings.Contains(requests()[1], "Proxy-") {
		t.Error("the peer sees what the proxy should")
	}
}

func TestAProxyMayRefuse(t *testing.T) {
	for answer, code := range map[string]int{
		"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n": 407,
		"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n":                          503,
		"nonsense\r\n\r\n": 502,
	} {
		e, _ := rawServer(t, func(string) string { return answer })
		proxy, _ := url.Parse("http" + strings.TrimPrefix(e.String(), "ws"))
		_, err := transport.Dial(t.Context(), transport.DialConfig{
			Endpoint: endpoint(t, "wss://peer.example/db"), Protocols: []string{cbm4}, Proxy: proxy,
		})
		checkFault(t, err, fault.WebSocket, code)
	}
}
