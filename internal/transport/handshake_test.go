package transport_test

import (
	"errors"
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

// good is a request that a listener must accept; tests change parts of it.
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

func TestRequestsAreJudged(t *testing.T) {
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
		"absolute form":             {change("GET /db", "GET http://example.com/db"), 101, ""},
		"no route":                  {change("/db/_blipsync", "/nowhere/at/all"), 404, ""},
		"a route below":             {change("/db/_blipsync", "/a/db/_blipsync"), 404, ""},
		"more than the route":       {change("/db/_blipsync", "/db/_blipsync/"), 404, ""},
		"database without route":    {change("/db/_blipsync", "/db"), 403, "_blipsync"},
		"root":                      {change("/db/_blipsync", "/"), 403, ""},
		"plain GET of the root":     {"GET / HTTP/1.1\nHost: x\n\n", 404, ""},
		"plain GET of the database": {"GET /db HTTP/1.1\nHost: x\n\n", 200, `{"db_name":"db"`},
		"plain GET of another":      {"GET /other HTTP/1.1\nHost: x\n\n", 404, ""},
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
	s := listen(t, transport.ServerConfig{
		Databases: []transport.Database{{Name: "db", Protocols: []string{cbm4, "BLIP_3+CBMobile_3"}}},
	})
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

// A page may connect if the listener's own address serves it, or if it is allowed. Clients other
// than browsers always may.
func TestPagesOfOthersDoNotConnect(t *testing.T) {
	const browser, native = "Mozilla/5.0 (X11; Linux x86_64)", "okhttp/4.12"
	type request struct{ host, origin, agent string }
	tests := map[string]struct {
		request
		clear, secure int // the status without TLS, and with
	}{
		"no browser":                           {request{"box:4984", "", native}, 101, 101},
		"an old Sync Gateway":                  {request{"box:4984", "http://localhost", ""}, 101, 101},
		"a native client, own address":         {request{"192.0.2.1:4984", "http://192.0.2.1:4984", native}, 101, 101},
		"own address over TLS":                 {request{"192.0.2.1:4984", "https://192.0.2.1:4984", browser}, 101, 101},
		"own address of IPv6":                  {request{"[::1]:4984", "http://[::1]:4984", browser}, 101, 101},
		"own name":                             {request{"localhost:4984", "http://localhost:4984", browser}, 101, 101},
		"own name with the usual port":         {request{"localhost", "http://localhost", browser}, 101, 403},
		"own name with the usual port of TLS":  {request{"box.example", "https://box.example", browser}, 403, 101},
		"a name that leads here (rebinding)":   {request{"evil.example:4984", "http://evil.example:4984", browser}, 403, 101},
		"another host":                         {request{"192.0.2.1:4984", "http://evil.example", browser}, 403, 403},
		"another port of the host":             {request{"localhost:4984", "http://localhost:3000", browser}, 403, 403},
		"a native client, another host":        {request{"box:4984", "http://evil.example", native}, 403, 403},
		"a file":                               {request{"localhost:4984", "file://", browser}, 403, 403},
		"a sandbox":                            {request{"localhost:4984", "null", browser}, 403, 403},
		"nonsense":                             {request{"localhost:4984", "http://%zz", browser}, 403, 403},
		"an allowed one":                       {request{"box:4984", "https://APP.example", browser}, 101, 101},
		"one with an allowed one in its name":  {request{"box:4984", "https://app.example.evil.example", browser}, 403, 403},
		"an allowed one over another protocol": {request{"box:4984", "http://app.example", browser}, 403, 403},
		"two, one of them allowed":             {request{"box:4984", "https://app.example\nOrigin: http://evil.example", browser}, 403, 403},
	}
	allowed := []string{"https://app.example"}
	clear := listen(t, transport.ServerConfig{AllowedOrigins: allowed})
	secure := listen(t, transport.ServerConfig{AllowedOrigins: allowed, Certificate: issue(t, nil, nil).tls()})
	for name, test := range tests {
		text := strings.Replace(good, "Host: example.com:4984\n", "Host: "+test.host+"\n", 1)
		if test.origin != "" {
			text = strings.Replace(text, "Connection:", "Origin: "+test.origin+"\nConnection:", 1)
		}
		if test.agent != "" {
			text = strings.Replace(text, "Connection:", "User-Agent: "+test.agent+"\nConnection:", 1)
		}
		head, _ := ask(t, clear, text)
		if want := fmt.Sprintf("HTTP/1.1 %d ", test.clear); !strings.HasPrefix(head, want) {
			t.Errorf("%s, clear text: got %.20q, want %s", name, head, want)
		}
		head = askTLS(t, secure, text)
		if want := fmt.Sprintf("HTTP/1.1 %d ", test.secure); !strings.HasPrefix(head, want) {
			t.Errorf("%s, TLS: got %.20q, want %s", name, head, want)
		}
	}
	any := listen(t, transport.ServerConfig{AllowedOrigins: []string{transport.AnyOrigin}})
	head, _ := ask(t, any, strings.Replace(good, "Host:", "User-Agent: x\nOrigin: http://evil.example\nHost:", 1))
	if !strings.HasPrefix(head, "HTTP/1.1 101 ") {
		t.Errorf("with every origin allowed: got %q", head)
	}
}

// The page of a stranger cannot even try a password.
func TestAPageOfOthersIsRefusedBeforeItsPasswordIsLookedAt(t *testing.T) {
	s := listen(t, transport.ServerConfig{Authenticator: transport.Password(func(string, []byte) bool {
		t.Error("the password was looked at")
		return true
	})})
	head, _ := ask(t, s, strings.Replace(good, "Host:", "User-Agent: x\nOrigin: http://evil.example\nAuthorization: Basic dTpw\nHost:", 1))
	if !strings.HasPrefix(head, "HTTP/1.1 403 ") {
		t.Errorf("got %q, want 403", head)
	}
}

func TestOriginsThatNoBrowserSendsAreInvalid(t *testing.T) {
	for origin, valid := range map[string]bool{
		"https://app.example": true, "http://localhost:3000": true, "capacitor://localhost": true, "null": true, "*": true, "file://": true,
		"app.example": false, "https://app.example/": false, "https://app.example/x": false, "": false, "*.example": false,
	} {
		cfg := config(func(c *transport.ServerConfig) { c.AllowedOrigins = []string{origin} })
		if err := cfg.Validate(); (err == nil) != valid || err != nil && !errors.Is(err, fault.Invalid) {
			t.Errorf("%q: got %v, valid should be %t", origin, err, valid)
		}
	}
}

// A person with a browser gets the same explanation at every path.
func TestABrowserIsToldHowToConnect(t *testing.T) {
	clear := listen(t, transport.ServerConfig{Authenticator: transport.StaticPassword("u", "p")})
	secure := listen(t, transport.ServerConfig{Certificate: issue(t, nil, nil).tls()})
	var pages []string
	for _, path := range []string{"/", "/db", "/db/_blipsync", "/other"} {
		head, body := ask(t, clear, "GET "+path+" HTTP/1.1\nHost: box:4984\nAccept: text/html,*/*\n\n")
		if !strings.HasPrefix(head, "HTTP/1.1 426 ") || !strings.Contains(head, "Content-Type: text/html; charset=utf-8\r\n") {
			t.Errorf("%s: got %q", path, head)
		}
		if strings.Contains(head, "WWW-Authenticate") {
			t.Errorf("%s: the browser is asked for a password: %q", path, head)
		}
		pages = append(pages, body)
	}
	for i, page := range pages {
		if !strings.Contains(page, "tandem sync COPY ws://box:4984/DATABASE") || page != pages[0] {
			t.Errorf("page %d: got %q", i, page)
		}
	}
	_, body := ask(t, clear, "GET / HTTP/1.1\nHost: <b>x\nAccept: text/html\n\n")
	if strings.Contains(body, "<b>") {
		t.Errorf("the host is not escaped: %q", body)
	}
	if head := askTLS(t, secure, "HEAD / HTTP/1.1\nHost: box:4984\nAccept: text/html\n\n"); !strings.HasPrefix(head, "HTTP/1.1 426 ") {
		t.Errorf("TLS: got %q", head)
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

// FuzzResponse dials a listener that answers with arbitrary text; ACCEPT stands for the right
// answer to the client's key.
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

// Another implementation's client and server agree with ours about every step.
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
