package transport_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/coder/websocket"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/fuzzing"
	"github.com/tandemdb/tandem/internal/transport"
)

// good is a request that a listener has to accept; tests change parts of it.
const good = `GET /db/_blipsync HTTP/1.1
Host: example.com:4984
Connection: Upgrade
Upgrade: websocket
Sec-WebSocket-Version: 13
Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==
Sec-WebSocket-Protocol: BLIP_3+CBMobile_4,BLIP_3+CBMobile_3

`

func TestTheResponseHasTheExactForm(t *testing.T) {
	s := listen(t, transport.ServerConfig{Product: "Tandem/1.0"})
	head, _ := ask(t, s, good)
	want := regexp.MustCompile("^HTTP/1\\.1 101 Switching Protocols\r\n" +
		"Connection: Upgrade\r\n" +
		"Upgrade: websocket\r\n" +
		"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK\\+xOo=\r\n" +
		"Sec-WebSocket-Protocol: BLIP_3\\+CBMobile_4\r\n" +
		"X-Correlation-Id: [0-9a-f]{16}\r\n" +
		"Server: Tandem/1\\.0\r\n" +
		"Date: [A-Z][a-z]{2}, [^\r]+ GMT\r\n\r\n$")
	if !want.MatchString(head) {
		t.Errorf("got\n%s\nwant\n%s", head, want)
	}
}

func TestRequestsAreJudged(t *testing.T) { // L-08
	change := func(pairs ...string) string { return strings.NewReplacer(pairs...).Replace(good) }
	const list = "BLIP_3+CBMobile_4,BLIP_3+CBMobile_3"
	const protocol = "Sec-WebSocket-Protocol: " + list + "\n"
	tests := map[string]struct {
		request string
		status  int
		has     string // in the head or body
	}{
		"good":                      {good, 101, ""},
		"list in Connection":        {change("Connection: Upgrade", "Connection: keep-alive, upgrade"), 101, ""},
		"other case":                {change("Upgrade: websocket", "UPGRADE: WebSocket"), 101, ""},
		"version 14":                {change("Version: 13", "Version: 14"), 101, ""},
		"short key":                 {change("dGhlIHNhbXBsZSBub25jZQ==", "0123456789"), 101, ""},
		"percent-encoded name":      {change("/db/", "/%64b/"), 101, ""},
		"spaces between protocols":  {change("BLIP_3+CBMobile_4,", "other , "), 101, "_3\r\n"},
		"several protocol lines":    {change(protocol, "Sec-WebSocket-Protocol: x\n"+protocol), 101, "_4\r\n"},
		"the client's order":        {change("_4,BLIP_3+CBMobile_3", "_3,BLIP_3+CBMobile_4"), 101, "_3\r\n"},
		"an Origin":                 {change("Host:", "Origin: http://app.example\nHost:"), 101, ""},
		"absolute form":             {change("GET /db", "GET http://example.com/db"), 101, ""},
		"no route":                  {change("/db/_blipsync", "/nowhere/at/all"), 404, ""},
		"a route below":             {change("/db/_blipsync", "/a/db/_blipsync"), 404, ""},
		"more than the route":       {change("/db/_blipsync", "/db/_blipsync/"), 404, ""},
		"database without route":    {change("/db/_blipsync", "/db"), 403, "_blipsync"},
		"root":                      {change("/db/_blipsync", "/"), 403, ""},
		"plain GET of the root":     {"GET / HTTP/1.1\nHost: x\n\n", 404, ""},
		"plain GET of the database": {"GET /db HTTP/1.1\nHost: x\n\n", 404, ""},
		"POST":                      {change("GET", "POST"), 405, "Allow: GET\r\n"},
		"no database name":          {change("/db/", "//"), 400, ""},
		"reserved name":             {change("/db/", "/_db/"), 400, ""},
		"control character":         {change("/db/", "/d%0Ab/"), 400, ""},
		"long name":                 {change("/db/", "/"+strings.Repeat("x", 241)+"/"), 400, ""},
		"longest name":              {change("/db/", "/"+strings.Repeat("x", 240)+"/"), 404, ""},
		"slash within the name":     {change("/db/", "/d%2Fb/"), 404, ""},
		"unknown database":          {change("/db/", "/other/"), 404, `"other"`},
		"no upgrade":                {change("Connection: Upgrade\nUpgrade: websocket\n", ""), 426, "Upgrade: websocket\r\n"},
		"other upgrade":             {change("Upgrade: websocket", "Upgrade: h2c"), 426, ""},
		"close":                     {change("Connection: Upgrade", "Connection: close"), 426, ""},
		"HTTP/1.0":                  {change("HTTP/1.1", "HTTP/1.0"), 400, ""},
		"old version":               {change("Version: 13", "Version: 8"), 400, "Sec-WebSocket-Version: 13\r\n"},
		"no version":                {change("Sec-WebSocket-Version: 13\n", ""), 400, ""},
		"no key":                    {change("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\n", ""), 400, ""},
		"no common protocol":        {change(list, "BLIP_3+CBMobile_2"), 500, "I only speak " + cbm4},
		"part of a protocol":        {change(list, "BLIP_3+CBMobile_"), 500, "you offer BLIP_3+CBMobile_\n"},
		"protocol in other case":    {change(list, "blip_3+cbmobile_4"), 500, ""},
		"no protocol":               {change(protocol, ""), 500, "you offer nothing"},
		"not HTTP":                  {"SSH-2.0-OpenSSH_9.6\n\n", 400, ""},
		"endless headers":           {"GET / HTTP/1.1\n" + strings.Repeat("X-Junk: 0123456789\n", 4000), 400, ""},
	}
	s := listen(t, transport.ServerConfig{Protocols: []string{cbm4, "BLIP_3+CBMobile_3"}})
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			head, body := ask(t, s, test.request)
			if want := fmt.Sprintf("HTTP/1.1 %d ", test.status); !strings.HasPrefix(head, want) {
				t.Errorf("got %q, want %s", head, want)
			}
			if !strings.Contains(head+body, test.has) {
				t.Errorf("got %q, want it to hold %q", head+body, test.has)
			}
			if test.status != 101 && strings.TrimSpace(body) == "" {
				t.Error("a refusal without a word")
			}
		})
	}
}

func TestOurOwnClientUnderstandsEveryRefusal(t *testing.T) {
	s := listen(t, transport.ServerConfig{})
	_, err := dial(t, s, transport.DialConfig{Endpoint: endpoint(t, "ws://"+address(s)+"/other")})
	checkFault(t, err, "WebSocket", 404)
	_, err = dial(t, s, transport.DialConfig{Protocols: []string{"BLIP_3+CBMobile_3"}})
	checkFault(t, err, "WebSocket", 500)
	if want := "I only speak BLIP_3+CBMobile_4, and you offer BLIP_3+CBMobile_3"; !strings.Contains(err.Error(), want) {
		t.Errorf("got %v, want %s", err, want)
	}
	if hint := fault.HintOf(err); !strings.Contains(hint, "the same versioning") {
		t.Errorf("the hint is %q, want it to tell of the versioning", hint)
	}
}

func FuzzRequest(f *testing.F) {
	f.Add(strings.ReplaceAll(good, "\n", "\r\n"))
	f.Add("GET / HTTP/1.1\r\n\r\n")
	f.Add("\x16\x03\x01\x00\x05hello")
	for _, m := range fuzzing.Recorded(f, "upgrade") {
		f.Add(string(m.Body))
	}
	s := listen(f, transport.ServerConfig{Handler: func(*transport.Conn) {}})
	f.Fuzz(func(t *testing.T, request string) {
		if strings.Contains(request, "\n\n") || strings.Contains(request, "\r\n\r\n") {
			var head string
			fuzzing.Bounded(t, len(request), func() { head, _ = ask(t, s, strings.ReplaceAll(request, "\r\n", "\n")) })
			if head != "" && !strings.HasPrefix(head, "HTTP/1.1 ") {
				t.Errorf("got %q", head)
			}
		}
	})
}

// FuzzResponse dials a listener that answers with anything; ACCEPT stands for the right answer to the client's key.
func FuzzResponse(f *testing.F) {
	accept := regexp.MustCompile(`(?m)^(Sec-WebSocket-Accept: ).*\r$`)
	for _, m := range fuzzing.Recorded(f, "upgrade answer") {
		f.Add(accept.ReplaceAllString(string(m.Body), "${1}ACCEPT\r"))
	}
	f.Add(switching("") + "\x82\x05hello")
	var script atomic.Pointer[string]
	to, _ := rawServer(f, func(request string) string {
		return strings.ReplaceAll(*script.Load(), "ACCEPT", acceptFor(request))
	})
	f.Fuzz(func(t *testing.T, response string) {
		script.Store(&response)
		fuzzing.Bounded(t, len(response), func() {
			c, err := transport.Dial(t.Context(), transport.DialConfig{Endpoint: to, Protocols: []string{"BLIP_3+CBMobile_3", cbm4}})
			if err == nil {
				_, err = c.Read(t.Context())
				_ = c.Abort()
			}
			if err != nil && fault.Of(err) == nil {
				t.Errorf("%q: %v is not a fault", response, err)
			}
		})
	})
}

// Another implementation's client and server agree with ours on the whole way.
func TestAnotherImplementationAgrees(t *testing.T) {
	s := listen(t, transport.ServerConfig{})
	theirs, _, err := websocket.Dial(t.Context(), s.URLs()[0]+"/_blipsync",
		&websocket.DialOptions{Subprotocols: []string{cbm4}})
	if err != nil {
		t.Fatal(err)
	}
	defer theirs.CloseNow() //nolint:errcheck // it is closed below
	if err := theirs.Write(t.Context(), websocket.MessageBinary, []byte("hello")); err != nil {
		t.Fatal(err)
	}
	if _, m, err := theirs.Read(t.Context()); err != nil || string(m) != "hello" || theirs.Subprotocol() != cbm4 {
		t.Errorf("got %q, %v with %s", m, err, theirs.Subprotocol())
	}
	if err := theirs.Close(1000, ""); err != nil {
		t.Errorf("close: %v", err)
	}

	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{cbm4}})
		if err != nil {
			return
		}
		kind, m, _ := c.Read(r.Context())
		_ = c.Write(r.Context(), kind, m)
		_ = c.Close(4001, "later")
	}))
	defer web.Close()
	c := mustDial(t, nil, transport.DialConfig{Endpoint: endpoint(t, "ws"+web.URL[len("http"):]+"/db")})
	checkEcho(t, c)
	_, err = c.Read(t.Context())
	checkFault(t, err, "WebSocket", 4001)
}
