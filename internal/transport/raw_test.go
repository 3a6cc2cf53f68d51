package transport_test

import (
	"bufio"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/tandemdb/tandem/internal/transport"
)

// rawServer answers each connection with the result of answer for the request's head. It returns
// its endpoint, and a function that returns the requests so far.
func rawServer(t testing.TB, answer func(request string) string) (transport.Endpoint, func() []string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	var mu sync.Mutex
	var requests []string
	all.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() {
				defer nc.Close()
				request := readHead(bufio.NewReader(nc))
				mu.Lock()
				requests = append(requests, request)
				mu.Unlock()
				_, _ = io.WriteString(nc, answer(request))
				_ = nc.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, nc)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); all.Wait() })
	return endpoint(t, "ws://"+l.Addr().String()+"/db"), func() []string {
		mu.Lock()
		defer mu.Unlock()
		return requests
	}
}

// readHead reads up to the empty line.
func readHead(r *bufio.Reader) string {
	var head strings.Builder
	for {
		line, err := r.ReadString('\n')
		head.WriteString(line)
		if err != nil || line == "\r\n" {
			return head.String()
		}
	}
}

// parsed reads a request's head.
func parsed(t testing.TB, head string) *http.Request {
	t.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(head)))
	if err != nil {
		t.Fatalf("%v in %q", err, head)
	}
	return r
}

// switching returns the answer of a good listener.
func switching(request string) string {
	return fmt.Sprintf("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Accept: %s\r\nSec-WebSocket-Protocol: %s\r\n\r\n", acceptFor(request), cbm4)
}

// acceptFor is the Sec-WebSocket-Accept for a request's head.
func acceptFor(request string) string {
	_, key, _ := strings.Cut(request, "Sec-WebSocket-Key: ")
	key, _, _ = strings.Cut(key, "\r\n")
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// ask sends request to a server, with "\n" for the end of a line, and returns the head and the body
// of the answer.
func ask(t testing.TB, s *transport.Server, request string) (head, body string) {
	t.Helper()
	nc, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.Port()))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := io.WriteString(nc, strings.ReplaceAll(request, "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
	br := bufio.NewReader(nc)
	head = readHead(br)
	if strings.HasPrefix(head, "HTTP/1.1 101") {
		return head, ""
	}
	rest, err := io.ReadAll(br)
	if err != nil {
		t.Errorf("the answer did not end well: %v", err)
	}
	return head, string(rest)
}

// askTLS is ask over TLS; it returns only the head.
func askTLS(t testing.TB, s *transport.Server, request string) (head string) {
	t.Helper()
	nc, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", s.Port()), &tls.Config{InsecureSkipVerify: true}) //nolint:gosec // it asks
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if _, err := io.WriteString(nc, strings.ReplaceAll(request, "\n", "\r\n")); err != nil {
		t.Fatal(err)
	}
	return readHead(bufio.NewReader(nc))
}
