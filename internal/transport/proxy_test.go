package transport_test

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/transport"
)

// rawProxy accepts one connection, accepts its CONNECT, and plays the peer behind the proxy.
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

// HTTPS_PROXY, HTTP_PROXY and NO_PROXY work as in other programs.
func TestTheProxyOfTheEnvironmentIsHeeded(t *testing.T) {
	for name, test := range map[string]struct {
		variable, exceptions, to string
		chosen                   bool // the program sets an empty proxy URL
		through                  bool
	}{
		"clear text":                  {"HTTP_PROXY", "", "ws://peer.example:4984/db", false, true},
		"small letters":               {"http_proxy", "", "ws://peer.example:4984/db", false, true},
		"for TLS alone":               {"HTTPS_PROXY", "", "ws://127.0.0.2:1/db", false, false},
		"but not for this host":       {"HTTP_PROXY", "peer.invalid", "ws://peer.invalid:4984/db", false, false},
		"but not for this domain":     {"HTTP_PROXY", ".invalid", "ws://peer.invalid:4984/db", false, false},
		"but not for this network":    {"HTTP_PROXY", "192.0.2.0/24", "ws://192.0.2.1:1/db", false, false},
		"but for no host":             {"HTTP_PROXY", "*", "ws://peer.invalid:4984/db", false, false},
		"but not for this machine":    {"HTTP_PROXY", "", "ws://127.0.0.1:1/db", false, false},
		"but not for this link":       {"HTTP_PROXY", "", "ws://169.254.255.255:1/db", false, false},
		"but not for multicast names": {"HTTP_PROXY", "", "ws://tandem-test-nobody.local:1/db", false, false},
		"but the program wants none":  {"HTTP_PROXY", "", "ws://peer.invalid:4984/db", true, false},
	} {
		t.Run(name, func(t *testing.T) {
			forgetProxies(t)
			proxy, requests := rawProxy(t, switching)
			t.Setenv(test.variable, proxy.String())
			t.Setenv("NO_PROXY", test.exceptions)
			cfg := transport.DialConfig{Endpoint: endpoint(t, test.to), Protocols: []string{cbm4}, Timeout: time.Second}
			if test.through {
				cfg.Timeout = time.Minute
			}
			if test.chosen {
				cfg.Proxy = &url.URL{}
			}
			c, err := transport.Dial(t.Context(), cfg)
			if got := err == nil; got != test.through {
				t.Fatalf("through the proxy: %t (%v), want %t", got, err, test.through)
			}
			if !test.through {
				return
			}
			_ = c.Abort()
			if got, want := requests()[0], "CONNECT peer.example:4984 HTTP/1.1\r\n"; !strings.HasPrefix(got, want) {
				t.Errorf("the proxy got %q, want %q", got, want)
			}
		})
	}
}

func TestAProxyOfTheEnvironmentThatCannotWorkIsNamed(t *testing.T) {
	for proxy, want := range map[string]string{
		"socks5://127.0.0.1:1": "HTTP_PROXY",
		"http://127.0.0.1:x":   "HTTP_PROXY",
		"http://127.0.0.1:1":   "the proxy 127.0.0.1:1 cannot be reached",
	} {
		forgetProxies(t)
		t.Setenv("HTTP_PROXY", proxy)
		_, err := transport.Dial(t.Context(), transport.DialConfig{
			Endpoint: endpoint(t, "ws://peer.invalid:4984/db"), Protocols: []string{cbm4},
		})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(fault.HintOf(err), "NO_PROXY") {
			t.Errorf("%s: got %v, hint %q; want %q", proxy, err, fault.HintOf(err), want)
		}
	}
}

// forgetProxies clears the environment of the machine that the test runs on.
func forgetProxies(t *testing.T) {
	t.Helper()
	for _, name := range []string{"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "REQUEST_METHOD"} {
		t.Setenv(name, "")
		t.Setenv(strings.ToLower(name), "")
	}
}

func TestSettingsThatCannotWorkAreRefused(t *testing.T) {
	parse := func(raw string) *url.URL {
		u, err := url.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	for name, test := range map[string]struct {
		change func(*transport.DialConfig)
		want   string // "" for none
	}{
		"nothing":                 {func(*transport.DialConfig) {}, ""},
		"proxy without a port":    {func(c *transport.DialConfig) { c.Proxy = parse("http://proxy.example/") }, ""},
		"proxy over TLS":          {func(c *transport.DialConfig) { c.Proxy = parse("https://proxy.example") }, "begin with http://"},
		"proxy without a host":    {func(c *transport.DialConfig) { c.Proxy = parse("http://:80") }, "names no host"},
		"proxy with port 0":       {func(c *transport.DialConfig) { c.Proxy = parse("http://proxy.example:0") }, "port"},
		"proxy with port 99999":   {func(c *transport.DialConfig) { c.Proxy = parse("http://proxy.example:99999") }, "port"},
		"proxy with a path":       {func(c *transport.DialConfig) { c.Proxy = parse("http://proxy.example/x") }, "more than a host"},
		"host in place of a URL":  {func(c *transport.DialConfig) { c.Proxy = parse("proxy.example:80") }, "begin with http://"},
		"header":                  {func(c *transport.DialConfig) { c.Headers = http.Header{"x-mine": {"välue"}} }, ""},
		"header with a space":     {func(c *transport.DialConfig) { c.Headers = http.Header{"X Mine": {"1"}} }, `"X Mine"`},
		"header with a colon":     {func(c *transport.DialConfig) { c.Headers = http.Header{"X-Mine:": {"1"}} }, `"X-Mine:"`},
		"header without a name":   {func(c *transport.DialConfig) { c.Headers = http.Header{"": {"1"}} }, `""`},
		"header with a line":      {func(c *transport.DialConfig) { c.Headers = http.Header{"X": {"secret\r\nY: 2"}} }, "control characters"},
		"user's name with colons": {func(c *transport.DialConfig) { c.Credentials = &transport.Credentials{User: "a:b"} }, "colon"},
	} {
		cfg := transport.DialConfig{Endpoint: endpoint(t, "ws://peer.example/db"), Protocols: []string{cbm4}}
		test.change(&cfg)
		err := cfg.Validate()
		switch {
		case test.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case test.want != "" && (!errors.Is(err, fault.Invalid) || !strings.Contains(err.Error(), test.want)):
			t.Errorf("%s: got %v, want invalid: %q", name, err, test.want)
		case err != nil && strings.Contains(err.Error(), "secret"):
			t.Errorf("%s: the error tells the value: %v", name, err)
		}
	}
}

func TestAProxyMayRefuse(t *testing.T) {
	for answer, code := range map[string]int{
		"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n": 407,
		"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n":                          503,
		"nonsense\r\n\r\n": 502,
	} {
		e, _ := rawServer(t, func(string) string { return answer })
		proxy := &url.URL{Scheme: "http", Host: e.Address()}
		_, err := transport.Dial(t.Context(), transport.DialConfig{
			Endpoint: endpoint(t, "wss://peer.example/db"), Protocols: []string{cbm4}, Proxy: proxy,
		})
		checkFault(t, err, fault.WebSocket, code)
	}
}
