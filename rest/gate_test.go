package rest_test

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

// Guesses at once are counted before they are checked, and for both ports together.
func TestAThousandWrongPasswordsAreStopped(t *testing.T) {
	listener := newListener(t)
	s := serve(t, func(cfg *rest.Configuration) { cfg.Sync = listener })
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	statuses := make(chan int)
	for range 40 { // at once, since each waits for its answer
		go func() {
			for ctx.Err() == nil {
				r := s.request("GET /shop", "", "As: ").WithContext(ctx)
				r.SetBasicAuth("bob", "wrong")
				got, err := http.DefaultClient.Do(r)
				if err != nil {
					break
				}
				got.Body.Close()
				select {
				case statuses <- got.StatusCode:
				case <-ctx.Done():
				}
			}
		}()
	}
	count := map[int]int{}
	for range 1000 {
		count[<-statuses]++
	}
	cancel()
	if count[401]+count[429] != 1000 || count[401] > 20 {
		t.Errorf("got %v, want 401 for the first 20, and then 429", count)
	}
	got := s.do("GET /shop", "", "As: eve")
	if got.status != 429 || got.header.Get("Retry-After") == "" {
		t.Errorf("the next: got %d with Retry-After %q", got.status, got.header.Get("Retry-After"))
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "http://localhost/shop/_blipsync", nil)
	r.RemoteAddr = "127.0.0.1:1"
	r.SetBasicAuth("bob", "bob")
	if listener.Handler().ServeHTTP(w, r); w.Code != 429 {
		t.Errorf("the port of peers that sync: got %d, want 429", w.Code)
	}
}

// newListener starts a listener without a port, whose clients have passwords.
func newListener(t *testing.T) *tandem.URLEndpointListener {
	t.Helper()
	coll, err := open(t, "synced", tandem.Options{}).DefaultCollection(t.Context())
	check(t, err)
	l, err := tandem.NewURLEndpointListener(tandem.URLEndpointListenerConfiguration{
		Collections: []*tandem.Collection{coll}, DisablePort: true, DisableTLS: true, Authenticator: tandem.StaticPassword("bob", "bob"),
	})
	check(t, err)
	check(t, l.Start())
	t.Cleanup(l.Stop)
	return l
}

func TestAUserWithTooManyRequestsWaits(t *testing.T) {
	s := serve(t, func(cfg *rest.Configuration) { cfg.Limits = rest.Limits{RequestsPerSecond: 1, Burst: 5} })
	count := map[int]int{}
	for range 20 {
		count[s.do("GET /", "").status]++
	}
	if count[200] < 5 || count[429] == 0 {
		t.Errorf("got %v, want 5 and more answers, and 429 for the others", count)
	}
	s.want(s.do("GET /", "", "As: ann"), 200, "")
}

// A push of PouchDB ends with an error when one of its requests is refused.
func TestTheRequestsOfAPushWaitForTheirTurn(t *testing.T) {
	s := serve(t, func(cfg *rest.Configuration) { cfg.Limits = rest.Limits{RequestsPerSecond: 100, Burst: 4} })
	for range 4 {
		s.want(s.do("GET /other", ""), 200, "")
		s.want(s.do("POST /other/_revs_diff", `{"a":["1-a"]}`), 200, "")
		s.want(s.do("POST /other/_bulk_docs", push()), 201, "")
		s.want(s.do("GET /other/_local/x", ""), 404, "")
		s.want(s.do("DELETE /other/_local/x", ""), 404, "")
		s.want(s.do("PUT /other/_local/y?rev=0-7", `{}`), 409, "")
	}
}

func TestLongAnswersAreCompressedForOtherMachines(t *testing.T) {
	s := serve(t, func(cfg *rest.Configuration) { cfg.Proxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	long := `{"text":"` + strings.Repeat("a long text, ", 200) + `"}`
	s.do("PUT /shop/long", long)
	s.do("PUT /shop/short", `{}`)
	for _, x := range []struct {
		path, accept, from, want string
	}{
		{"/shop/long", "gzip", "192.0.2.7", "gzip"},
		{"/shop/long", "br, gzip;q=0.5", "192.0.2.7", "gzip"},
		{"/shop/long", "*", "2001:db8::7", "gzip"},
		{"/shop/long", "gzip;q=0", "192.0.2.7", ""},
		{"/shop/long", "identity", "192.0.2.7", ""},
		{"/shop/long", "gzip", "127.0.0.1", ""},
		{"/shop/long", "gzip", "::1", ""},
		{"/shop/short", "gzip", "192.0.2.7", ""},
		{"/shop/_all_docs?include_docs=true", "gzip", "192.0.2.7", "gzip"},
		{"/shop/_all_docs?include_docs=true", "gzip", "::1", ""},
	} {
		got := s.do("GET "+x.path, "", "Accept-Encoding: "+x.accept, "X-Forwarded-For: "+x.from)
		if got.header.Get("Content-Encoding") != x.want {
			t.Errorf("%s with %s from %s: got %q, want %q", x.path, x.accept, x.from, got.header.Get("Content-Encoding"), x.want)
		}
		if x.want == "" {
			continue
		}
		zipped, err := gzip.NewReader(strings.NewReader(got.body))
		check(t, err)
		text, err := io.ReadAll(zipped)
		check(t, err)
		if !bytes.Contains(text, []byte(long[1:])) {
			t.Errorf("%s: the text is %.100s", x.path, text)
		}
	}
}

// raw sends bytes to a server, and returns its connection.
func (s *server) raw(text string) net.Conn {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.url, "http://"))
	check(s.t, err)
	s.t.Cleanup(func() { conn.Close() })
	_, err = conn.Write([]byte(text))
	check(s.t, err)
	return conn
}

const bobLogin = "Host: localhost\r\nAuthorization: Basic Ym9iOmJvYg==\r\nContent-Type: application/json\r\n"

// TestABodyCutAnywhereChangesNothing: a client that leaves has changed nothing.
func TestABodyCutAnywhereChangesNothing(t *testing.T) {
	s := serve(t, nil)
	body := `{"name":"\u00e4","n":[1,2,{"a":null}]}`
	for cut := range len(body) {
		conn := s.raw(fmt.Sprintf("PUT /shop/cut HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", bobLogin, len(body), body[:cut]))
		check(t, conn.(*net.TCPConn).CloseWrite())
		got, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err == nil {
			got.Body.Close()
			if got.StatusCode != http.StatusBadRequest {
				t.Errorf("cut at %d: got %d, want 400", cut, got.StatusCode)
			}
		}
		conn.Close()
	}
	s.want(s.do("GET /shop/cut", ""), 404, "")
}

func TestMalformedRequestsAreRefused(t *testing.T) {
	s := serve(t, nil)
	for text, status := range map[string]int{
		"GET /shop/%zz HTTP/1.1\r\n" + bobLogin + "\r\n":                                        400,
		"GET /shop/a HTTP/1.1\r\nHost: evil.example\r\n\r\n":                                    421,
		"GET http://evil.example/shop/a HTTP/1.1\r\nHost: localhost\r\n\r\n":                    421,
		"GET /shop/../other/a HTTP/1.1\r\n" + bobLogin + "\r\n":                                 404,
		"GET /shop/.. HTTP/1.1\r\n" + bobLogin + "\r\n":                                         404,
		"PUT /shop/a HTTP/1.1\r\n" + bobLogin + "Transfer-Encoding: chunked\r\n\r\nzz\r\n":      400,
		"BREW /shop/a HTTP/1.1\r\n" + bobLogin + "\r\n":                                         405,
		"GET /shop/a HTTP/1.1\r\n" + bobLogin + "X: " + strings.Repeat("x", 2<<20) + "\r\n\r\n": 431,
	} {
		conn := s.raw(text)
		got, err := http.ReadResponse(bufio.NewReader(conn), nil)
		check(t, err)
		got.Body.Close()
		if got.StatusCode != status {
			t.Errorf("%.60q: got %d, want %d", text, got.StatusCode, status)
		}
		conn.Close()
	}
}

// TestAnEndlessBodyEnds with an answer, or without one.
func TestAnEndlessBodyEnds(t *testing.T) {
	s := serve(t, func(cfg *rest.Configuration) { cfg.Limits.DocumentBytes = 1 << 20 })
	r := s.request("PUT /shop/endless", "")
	r.Body, r.ContentLength = io.NopCloser(endless{}), -1
	r.Header.Set("Content-Type", "application/json")
	got, err := http.DefaultClient.Do(r)
	if err == nil { // the server may close before it is read
		got.Body.Close()
		if got.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("got %d, want 413", got.StatusCode)
		}
	}
	s.want(s.do("GET /shop/endless", ""), 404, "")
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = ' '
	}
	return len(p), nil
}

// recorder is a log, or an audit log.
type recorder struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *recorder) Write(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(p)
}

func (r *recorder) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// TestSecretsAreNowhere plants passwords and sessions, and looks for them in all that the server says.
func TestSecretsAreNowhere(t *testing.T) {
	var log, audit recorder
	every := make([]int, 0, 20)
	names, _ := rest.AuditEvents()
	for number := range names {
		every = append(every, number)
	}
	s := serve(t, func(cfg *rest.Configuration) {
		cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		cfg.Audit = rest.Audit{Writer: &audit, Enable: every}
	})
	secrets := []string{"planted-password", "planted-session", "cGxhbnRlZA"}
	var said strings.Builder
	cookie := s.do("POST /_session", "").header.Get("Set-Cookie")
	pair, _, _ := strings.Cut(cookie, ";")
	_, id, _ := strings.Cut(pair, "=")
	ask := func(request, body string, headers ...string) {
		got := s.do(request, body, headers...)
		got.header.Del("Set-Cookie")
		fmt.Fprintln(&said, got.status, got.header, got.body)
	}
	for _, headers := range [][]string{
		{"As: ", "Cookie: " + pair},
		{"As: ", "Authorization: Bearer cGxhbnRlZA"},
		{"As: ", "Cookie: SyncGatewaySession=planted-session"},
		{"As: ", "Sec-WebSocket-Protocol: SyncGatewaySession_planted-session"},
	} {
		for _, x := range everyEndpoint {
			if x.request != "DELETE /_session" && x.request != "DELETE /shop/_session" && !strings.Contains(x.request, "_changes_all") {
				ask(x.request, x.body, headers...)
			}
		}
	}
	s.do("PUT /shop/a", `{}`)
	ask("GET /shop/a", "")
	ask("POST /_session", `{"name":"bob","password":"planted-password"}`, "As: ")
	ask("GET /shop", "", "As: ", "Authorization: Basic Ym9iOnBsYW50ZWQtcGFzc3dvcmQ=") // bob:planted-password
	secrets = append(secrets, id, s.shop.Path())
	for name, text := range map[string]string{"answers": said.String(), "log": log.String(), "audit log": audit.String()} {
		if len(text) < 1000 {
			t.Errorf("the %s have only %d bytes", name, len(text))
		}
		for _, secret := range secrets {
			if i := strings.Index(text, secret); i >= 0 {
				t.Errorf("the %s have %q: %s", name, secret, text[max(0, i-200):min(len(text), i+50)])
			}
		}
	}
	for _, event := range []string{"57347", "57348", "57358", "57359", "57350"} {
		if !strings.Contains(audit.String(), `"id":`+event) {
			t.Errorf("the audit log has no event %s", event)
		}
	}
}
