package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

// serveSync starts a server on whose port databases sync.
func serveSync(t *testing.T, change func(cfg *rest.Configuration), origins ...string) *server {
	t.Helper()
	var listener *tandem.URLEndpointListener
	s := serve(t, func(cfg *rest.Configuration) {
		coll, err := cfg.Databases[0].Database.DefaultCollection(t.Context())
		check(t, err)
		users := cfg.Users
		listener, err = tandem.NewURLEndpointListener(tandem.URLEndpointListenerConfiguration{
			Collections: []*tandem.Collection{coll}, DisablePort: true, DisableTLS: true, AllowedOrigins: origins,
			Access: func(client tandem.ClientInfo, coll *tandem.Collection) tandem.CollectionAccess {
				return users.Access(client.User, "shop", coll.Scope(), coll.Name())
			},
		})
		check(t, err)
		check(t, listener.Start())
		cfg.Sync = listener
		if change != nil {
			change(cfg)
		}
	})
	t.Cleanup(listener.Stop)
	return s
}

func TestReplicatorsSyncOnThePort(t *testing.T) {
	s := serveSync(t, nil)
	s.want(s.do("PUT /shop/here", `{"n":1}`), 201, "")
	mine := open(t, "mine", tandem.Options{})
	coll, err := mine.DefaultCollection(t.Context())
	check(t, err)
	check(t, coll.Put(t.Context(), "there", map[string]any{"n": 2}))
	endpoint, err := tandem.NewURLEndpoint("ws" + strings.TrimPrefix(s.url, "http") + "/shop")
	check(t, err)
	for user, fails := range map[string]bool{"bob": false, "eve": true, "nobody": true} {
		cfg := tandem.ReplicatorConfiguration{Endpoint: endpoint, Authenticator: tandem.BasicAuthenticator{Username: user, Password: user}, MaxAttempts: 1}
		cfg.AddCollection(coll)
		r, err := tandem.NewReplicator(cfg)
		check(t, err)
		check(t, r.Start())
		if err := r.Wait(t.Context()); (err != nil) != fails {
			t.Errorf("%s: %v", user, err)
		}
		r.Close()
	}
	s.want(s.do("GET /shop/there", ""), 200, `{"_id":"there","_rev":"*","_cv":"*","n":2}`)
	if _, err := coll.Document(t.Context(), "here"); err != nil {
		t.Error(err)
	}
}

// oneTime returns a one-time session of bob.
func (s *server) oneTime(path string, headers ...string) string {
	s.t.Helper()
	got := s.want(s.do("POST "+path+"?one_time=true", "", headers...), 200, "")
	var session struct {
		ID string `json:"one_time_session_id"`
	}
	check(s.t, json.Unmarshal([]byte(got.body), &session))
	if session.ID == "" || got.header.Get("Set-Cookie") != "" {
		s.t.Errorf("got %s and a cookie %q, want an ID alone", got.body, got.header.Get("Set-Cookie"))
	}
	return session.ID
}

// connect opens a WebSocket as a browser does.
func (s *server) connect(id, origin string) (status int, protocol string) {
	s.t.Helper()
	o := &websocket.DialOptions{Subprotocols: []string{"BLIP_3+CBMobile_4", "SyncGatewaySession_" + id}, HTTPHeader: http.Header{}}
	if origin != "" {
		o.HTTPHeader.Set("Origin", origin)
		o.HTTPHeader.Set("User-Agent", "Mozilla/5.0")
	}
	conn, got, err := websocket.Dial(s.t.Context(), "ws"+strings.TrimPrefix(s.url, "http")+"/shop/_blipsync", o)
	if err == nil {
		protocol = conn.Subprotocol()
		_ = conn.CloseNow()
	}
	return got.StatusCode, protocol
}

func TestAOneTimeSessionOpensOneWebSocket(t *testing.T) {
	s := serveSync(t, nil, "https://app.example", "https://evil.example")
	id := s.oneTime("/shop/_session")
	if status, protocol := s.connect(id, ""); status != http.StatusSwitchingProtocols || protocol != "BLIP_3+CBMobile_4" {
		t.Errorf("got %d with %q", status, protocol)
	}
	if status, _ := s.connect(id, ""); status != http.StatusUnauthorized {
		t.Errorf("the second time: got %d, want 401", status)
	}
	s.want(s.do("GET /shop", "", "As: ", "Cookie: SyncGatewaySession="+s.oneTime("/shop/_session")), 401, "")
	if status, _ := s.connect(s.oneTime("/other/_session"), ""); status != http.StatusUnauthorized {
		t.Errorf("a session of another database: got %d, want 401", status)
	}
	if status, _ := s.connect("forged", ""); status != http.StatusUnauthorized {
		t.Errorf("a forged session: got %d, want 401", status)
	}
	if status, _ := s.connect(s.oneTime("/shop/_session"), "https://evil.example"); status != http.StatusUnauthorized {
		t.Errorf("a session of another page: got %d, want 401", status)
	}
	s.want(s.do("POST /_session?one_time=true", ""), 400, "")
}

func TestAPageOfAnotherSiteOpensNoWebSocket(t *testing.T) {
	s := serveSync(t, nil)
	r := s.request("GET /shop/_blipsync", "", "Origin: https://evil.example", "User-Agent: Mozilla/5.0")
	for name, value := range map[string]string{
		"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
		"Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Protocol": "BLIP_3+CBMobile_4",
	} {
		r.Header.Set(name, value)
	}
	got, err := http.DefaultTransport.RoundTrip(r.WithContext(context.Background()))
	check(t, err)
	defer got.Body.Close()
	if got.StatusCode != http.StatusForbidden {
		t.Errorf("got %d, want 403", got.StatusCode)
	}
}

// An origin "*" is for pages without a login; a browser adds a remembered one to a WebSocket.
func TestAPageOfAnySiteOpensAWebSocketByAOneTimeSessionAlone(t *testing.T) {
	s := serveSync(t, func(cfg *rest.Configuration) { cfg.CORS.Origins = []string{"*", "https://app.example"} }, "*")
	for origin, want := range map[string]int{
		"https://evil.example": http.StatusForbidden, "https://app.example": http.StatusSwitchingProtocols,
		s.url: http.StatusSwitchingProtocols, "": http.StatusSwitchingProtocols,
	} {
		o := &websocket.DialOptions{Subprotocols: []string{"BLIP_3+CBMobile_4"}, HTTPHeader: s.request("GET /", "", "Origin: "+origin).Header}
		if origin == "" {
			o.HTTPHeader.Del("Origin")
		}
		conn, got, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(s.url, "http")+"/shop/_blipsync", o)
		if err == nil {
			_ = conn.CloseNow()
		}
		if got.StatusCode != want {
			t.Errorf("%s: got %d, want %d", origin, got.StatusCode, want)
		}
	}
}

// A user who logs out, or is removed, syncs and hears of changes no more.
func TestTheEndOfASessionOrUserEndsWhatItHasBegun(t *testing.T) {
	s := serveSync(t, unlimited)
	session := func() string {
		pair, _, _ := strings.Cut(s.do("POST /_session", "", "As: bob").header.Get("Set-Cookie"), ";")
		return "Cookie: " + pair
	}
	first, second := session(), session()
	feed := s.listen("/shop/_changes?feed=sse", "As: ", first)
	other := s.listen("/shop/_changes?feed=sse", "As: ", second)
	synced, oneTime := s.sync("", first), s.sync(s.oneTime("/shop/_session", "As: ", first), "")
	stays, byPassword := s.sync(s.oneTime("/shop/_session", "As: ", second), ""), s.sync(s.oneTime("/shop/_session"), "")
	s.want(s.do("DELETE /_session", "", "As: ", first), 200, "")
	ends(t, "the feed", feed)
	for name, conn := range map[string]*websocket.Conn{"the sync": synced, "the sync by a one-time session": oneTime} {
		if _, _, err := conn.Read(t.Context()); err == nil {
			t.Errorf("%s goes on after the logout", name)
		}
	}
	for _, conn := range []*websocket.Conn{stays, byPassword} {
		if _, _, err := conn.Read(soon(t)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a sync of another login has ended: %v", err)
		}
	}
	again := s.sync(s.oneTime("/shop/_session"), "")
	s.handler.SetUsers(usersWith(t, `{"ann":{"password":"ANN"}}`))
	ends(t, "the feed of a user who is gone", other)
	if _, _, err := again.Read(t.Context()); err == nil {
		t.Error("the sync of a user who is gone goes on")
	}
}

func ends(t *testing.T, what string, f *stream) {
	t.Helper()
	for {
		if _, ok := f.event(); !ok {
			break
		}
	}
	if err := f.lines.Err(); err != nil {
		t.Errorf("%s ends by %v", what, err)
	}
}

// soon returns a context that ends in a moment.
func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

// sync opens a WebSocket by a one-time session, or with a header.
func (s *server) sync(id, header string) *websocket.Conn {
	s.t.Helper()
	o := &websocket.DialOptions{Subprotocols: []string{"BLIP_3+CBMobile_4"}, HTTPHeader: http.Header{}}
	if name, value, ok := strings.Cut(header, ": "); ok {
		o.HTTPHeader.Set(name, value)
	}
	if id != "" {
		o.Subprotocols = append(o.Subprotocols, "SyncGatewaySession_"+id)
	}
	conn, _, err := websocket.Dial(s.t.Context(), "ws"+strings.TrimPrefix(s.url, "http")+"/shop/_blipsync", o)
	check(s.t, err)
	s.t.Cleanup(func() { _ = conn.CloseNow() })
	return conn
}

func TestAnUnknownProtocolIsARequestThatIsWrong(t *testing.T) {
	s := serveSync(t, nil)
	o := &websocket.DialOptions{Subprotocols: []string{"chat"}, HTTPHeader: s.request("GET /", "").Header}
	_, got, err := websocket.Dial(t.Context(), "ws"+strings.TrimPrefix(s.url, "http")+"/shop/_blipsync", o)
	if err == nil || got.StatusCode != http.StatusBadRequest {
		t.Errorf("got %v, want 400", got)
	}
	s.want(s.do("GET /shop/_blipsync", ""), 426, `{"error":"upgrade_required","reason":"*","x-litecore-domain":6,"x-litecore-code":426,"id":"*"}`)
}
