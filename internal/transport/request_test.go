package transport_test

import (
	"encoding/base64"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/transport"
)

var keyLine = regexp.MustCompile(`Sec-WebSocket-Key: ([A-Za-z0-9+/]{22}==)\r\n`)

func keyOf(t *testing.T, request string) string {
	t.Helper()
	key := keyLine.FindStringSubmatch(request)
	if key == nil {
		t.Fatalf("no key of 16 bytes in %q", request)
	}
	return key[1]
}

func TestTheRequestHasTheExactForm(t *testing.T) {
	e, requests := rawServer(t, switching)
	c, err := transport.Dial(t.Context(), transport.DialConfig{
		Endpoint:    e,
		Protocols:   []string{cbm4, "BLIP_3+CBMobile_3"},
		UserAgent:   "Tandem/1.0 (test)",
		Credentials: &transport.Credentials{User: "jöhn", Password: "pa:ss"},
		Headers:     http.Header{"X-Mine": {"1"}, "Cookie": {"SyncGatewaySession=abc"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Abort()
	got := requests()[0]
	want := strings.ReplaceAll(`GET /db/_blipsync HTTP/1.1
Host: `+strings.TrimSuffix(strings.TrimPrefix(e.String(), "ws://"), "/db")+`
User-Agent: Tandem/1.0 (test)
Authorization: Basic `+base64.StdEncoding.EncodeToString([]byte("jöhn:pa:ss"))+`
Cookie: SyncGatewaySession=abc
X-Mine: 1
Connection: Upgrade
Upgrade: websocket
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: `+keyOf(t, got)+`
Sec-WebSocket-Protocol: BLIP_3+CBMobile_4,BLIP_3+CBMobile_3

`, "\n", "\r\n")
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestTheRequestWithoutOptions(t *testing.T) {
	e, requests := rawServer(t, switching)
	c, err := transport.Dial(t.Context(), transport.DialConfig{Endpoint: e, Protocols: []string{cbm4}})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Abort()
	for _, unwanted := range []string{"Origin", "Authorization", "Cookie", "Extensions", "Accept-Encoding"} {
		if strings.Contains(requests()[0], unwanted) {
			t.Errorf("%s in %q", unwanted, requests()[0])
		}
	}
}

func TestUserHeadersCannotBreakTheHandshake(t *testing.T) {
	e, requests := rawServer(t, switching)
	c, err := transport.Dial(t.Context(), transport.DialConfig{
		Endpoint: e, Protocols: []string{cbm4},
		Credentials: &transport.Credentials{User: "u", Password: "p"},
		Headers: http.Header{
			"Connection": {"close"}, "Upgrade": {"h2c"}, "Content-Length": {"7"}, "Transfer-Encoding": {"chunked"},
			"Sec-Websocket-Key": {"k"}, "Sec-Websocket-Version": {"8"}, "Sec-Websocket-Protocol": {"other"},
			"Sec-Websocket-Extensions": {"permessage-deflate"}, "Sec-Websocket-Accept": {"a"},
			"upgrade": {"h2c"}, "SEC-WEBSOCKET-KEY": {"k"}, "sec-websocket-protocol": {"other"},
			"Authorization": {"Bearer token"}, "user-agent": {"mine"}, "HOST": {"other.example"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Abort()
	r := parsed(t, requests()[0])
	for name, want := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Content-Length": "", "Transfer-Encoding": "",
		"Sec-Websocket-Key": keyOf(t, requests()[0]), "Sec-Websocket-Version": "13", "Sec-Websocket-Protocol": cbm4,
		"Sec-Websocket-Extensions": "", "Sec-Websocket-Accept": "",
		"Authorization": "Bearer token", "User-Agent": "mine",
	} {
		if got := strings.Join(r.Header.Values(name), "|"); got != want {
			t.Errorf("%s: got %q, want %q", name, got, want)
		}
	}
	if r.Host != "other.example" {
		t.Errorf("host is %q, want the user's", r.Host)
	}
}

func TestUsualPortsAreLeftOutOfHost(t *testing.T) {
	for url, want := range map[string]string{
		"ws://example.com/db":          "example.com",
		"ws://example.com:80/db":       "example.com",
		"ws://example.com:443/db":      "example.com:443",
		"ws://example.com:4984/db":     "example.com:4984",
		"ws://[fe80::1%25eth0]:1/a/db": "[fe80::1]:1",
	} {
		proxy, requests := rawProxy(t, switching) // so that no name needs to be resolved
		c, err := transport.Dial(t.Context(), transport.DialConfig{
			Endpoint: endpoint(t, url), Protocols: []string{cbm4}, Proxy: proxy,
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := parsed(t, requests()[1]).Host; got != want {
			t.Errorf("%s: got host %q, want %q", url, got, want)
		}
		_ = c.Abort()
	}
}
