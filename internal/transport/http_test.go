package transport_test

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/transport"
)

// mounted starts a server without a port as a part of a web server, and returns the web server's
// address.
func mounted(t *testing.T, cfg transport.ServerConfig, wrap func(http.Handler) http.Handler, secure *tls.Config) (string, *transport.Server) {
	t.Helper()
	cfg.NoPort = true
	s := listen(t, cfg)
	mux := http.NewServeMux()
	mux.HandleFunc("GET /hello", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) })
	mux.Handle("/", wrap(s))
	web := httptest.NewUnstartedServer(mux)
	if secure == nil {
		web.Start()
	} else {
		web.TLS = secure
		web.StartTLS()
	}
	t.Cleanup(web.Close)
	return web.Listener.Addr().String(), s
}

func asItIs(h http.Handler) http.Handler { return h }

// The server is a part of another HTTP server. It checks, counts and closes connections as those of
// a port of its own.
func TestAServerIsPartOfAnotherHTTPServer(t *testing.T) {
	users := make(chan string, 1)
	handler := func(c *transport.Conn) { users <- c.User() + "@" + c.Database(); echo(c) }
	at, s := mounted(t, transport.ServerConfig{
		Handler: handler, Authenticator: transport.StaticPassword("ann", "p"), Limits: transport.Limits{Connections: 1},
	}, asItIs, nil)
	if s.Port() != 0 || s.URLs() != nil {
		t.Errorf("port %d, URLs %v, want none", s.Port(), s.URLs())
	}
	cfg := transport.DialConfig{Endpoint: endpoint(t, "ws://"+at+"/db"), Credentials: &transport.Credentials{User: "ann", Password: "p"}}
	c := mustDial(t, s, cfg)
	checkEcho(t, c)
	if got := <-users; got != "ann@db" || s.Connections() != 1 {
		t.Errorf("got user %s and %d connections", got, s.Connections())
	}
	_, err := dial(t, s, cfg)
	checkFault(t, err, fault.WebSocket, 503)
	if err := s.Close(t.Context()); err != nil {
		t.Error(err)
	}
	_, err = c.Read(t.Context())
	checkFault(t, err, fault.WebSocket, 1001)
	_, err = dial(t, s, cfg)
	checkFault(t, err, fault.WebSocket, 503)
	res, err := http.Get("http://" + at + "/hello")
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("the rest of the web server: %v, %v", res, err)
	}
	_ = res.Body.Close()
	http.DefaultClient.CloseIdleConnections()
}

func TestRefusalsOfAMountedServer(t *testing.T) {
	at, s := mounted(t, transport.ServerConfig{Authenticator: transport.StaticPassword("u", "p")}, asItIs, nil)
	for name, test := range map[string]struct {
		path   string
		header [2]string
		status int
		has    string
	}{
		"no password":      {"/db/_blipsync", [2]string{"X", "1"}, 401, `Basic realm="Tandem", charset="UTF-8"`},
		"a browser":        {"/", [2]string{"Accept", "text/html"}, 426, "tandem sync COPY ws://" + at},
		"another database": {"/other/_blipsync", [2]string{"Authorization", "Basic dTpw"}, 404, "no database"},
		"no upgrade":       {"/db/_blipsync", [2]string{"Authorization", "Basic dTpw"}, 426, "WebSocket"},
		"another origin":   {"/db/_blipsync", [2]string{"Origin", "http://evil.example"}, 403, "may not connect"},
	} {
		r, w := httptest.NewRequest(http.MethodGet, "http://"+at+test.path, nil), httptest.NewRecorder()
		r.Header.Set("User-Agent", "x")
		r.Header.Set(test.header[0], test.header[1])
		s.ServeHTTP(w, r)
		if w.Code != test.status || !strings.Contains(fmt.Sprint(w.Header())+w.Body.String(), test.has) {
			t.Errorf("%s: got %d %v %s, want %d and %q", name, w.Code, w.Header(), w.Body, test.status, test.has)
		}
	}
	r := httptest.NewRequest(http.MethodGet, "/db/_blipsync", nil)
	for _, line := range strings.Split(strings.TrimSpace(good), "\n")[1:] {
		key, value, _ := strings.Cut(line, ": ")
		r.Header.Set(key, value)
	}
	r.Header.Set("Authorization", "Basic dTpw")
	w := httptest.NewRecorder()
	if s.ServeHTTP(w, r); w.Code != http.StatusHTTPVersionNotSupported { // the recorder cannot be hijacked
		t.Errorf("a connection shared with others: got %d %s", w.Code, w.Body)
	}
}

// The program may have authenticated the user itself.
func TestAProgramSaysWhoTheUserIs(t *testing.T) {
	users := make(chan string, 1)
	known := func(h http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			h.ServeHTTP(w, r.WithContext(transport.WithUser(r.Context(), "bob")))
		})
	}
	at, s := mounted(t, transport.ServerConfig{
		Handler:       func(c *transport.Conn) { users <- c.User() },
		Authenticator: transport.Password(func(string, []byte) bool { t.Error("the authenticator was asked"); return false }),
	}, known, nil)
	mustDial(t, s, transport.DialConfig{Endpoint: endpoint(t, "ws://"+at+"/db")})
	if got := <-users; got != "bob" {
		t.Errorf("the user is %q, want bob", got)
	}
}

func TestAMountedServerJudgesCertificates(t *testing.T) {
	client, stranger, own := issue(t, nil, nil), issue(t, nil, nil), issue(t, nil, nil)
	at, s := mounted(t, transport.ServerConfig{Authenticator: transport.ClientRoots([]*x509.Certificate{client.cert})}, asItIs,
		&tls.Config{Certificates: []tls.Certificate{*own.tls()}, ClientAuth: tls.RequestClientCert, NextProtos: []string{"h2", "http/1.1"}})
	for name, test := range map[string]struct {
		shown *tls.Certificate
		code  int
	}{"known": {client.tls(), 0}, "unknown": {stranger.tls(), 403}, "none": {nil, 403}} {
		c, err := dial(t, s, transport.DialConfig{
			Endpoint: endpoint(t, "wss://"+at+"/db"), Trust: transport.Trust{SelfSignedOnly: true}, ClientCertificate: test.shown,
		})
		if test.code != 0 {
			checkFault(t, err, fault.WebSocket, test.code)
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		checkEcho(t, c)
	}
}

// Several databases share a port, each with its own protocols.
func TestSeveralDatabasesShareAPort(t *testing.T) {
	names := make(chan string, 1)
	s := listen(t, transport.ServerConfig{
		Databases: []transport.Database{{Name: "a", Protocols: []string{cbm4}}, {Name: "b c", Protocols: []string{"BLIP_3+CBMobile_3"}}},
		Handler:   func(c *transport.Conn) { names <- c.Database() + " " + c.Protocol() },
	})
	if got := len(s.URLs()); got != 2 {
		t.Errorf("%d URLs, want one for each database", got)
	}
	for i, want := range []string{"a " + cbm4, "b c BLIP_3+CBMobile_3"} {
		mustDial(t, s, transport.DialConfig{
			Endpoint: endpoint(t, s.URLs()[i]), Protocols: []string{cbm4, "BLIP_3+CBMobile_3"},
		})
		if got := <-names; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	_, err := dial(t, s, transport.DialConfig{Endpoint: endpoint(t, "ws://"+address(s)+"/c")})
	checkFault(t, err, fault.WebSocket, 404)
}
