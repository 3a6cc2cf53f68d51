package rest_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/rest"
)

func TestASessionStandsForALogin(t *testing.T) {
	s := serve(t, nil)
	const who = `{"ok":true,"authentication_handlers":["default","cookie"],"userCtx":{"name":"ann","roles":["admin"],"channels":{}}}`
	for _, path := range []string{"/_session", "/shop/_session"} {
		got := s.want(s.do("POST "+path, `{"name":"ann","password":"ann"}`, "As: "), 200, who)
		cookie := got.header.Get("Set-Cookie")
		for _, part := range []string{"tandem-", "-api=", "HttpOnly", "SameSite=Strict", "Path=/"} {
			if !strings.Contains(cookie, part) {
				t.Errorf("the cookie %s has no %s", cookie, part)
			}
		}
		pair, _, _ := strings.Cut(cookie, ";")
		_, id, _ := strings.Cut(pair, "=")
		s.want(s.do("GET /shop", "", "As: ", "Cookie: "+pair), 200, "")
		s.want(s.do("GET "+path, "", "As: ", "Cookie: "+pair), 200, who)
		s.want(s.do("GET /shop", "", "As: ", "Cookie: SyncGatewaySession="+id), 200, "")
		s.want(s.do("DELETE "+path, "", "As: ", "Cookie: "+pair), 200, `{"ok":true}`)
		s.want(s.do("GET /shop", "", "As: ", "Cookie: "+pair), 401, "")
	}
	s.want(s.do("POST /_session", `{"name":"ann","password":"bob"}`, "As: "), 401, "")
	s.want(s.do("POST /_session", "", "As: "), 401, "")
	s.want(s.do("GET /_session", "", "As: "), 200, `{"ok":true,"authentication_handlers":["default","cookie"],"userCtx":{"name":null,"roles":[],"channels":{}}}`)
}

func TestASessionEndsWithItsPassword(t *testing.T) {
	s := serve(t, nil)
	cookie, _, _ := strings.Cut(s.do("POST /_session", "", "As: bob").header.Get("Set-Cookie"), ";")
	s.want(s.do("GET /shop", "", "As: ", "Cookie: "+cookie), 200, "")
	s.handler.SetUsers(testUsers(t)) // whose hashes are others
	s.want(s.do("GET /shop", "", "As: ", "Cookie: "+cookie), 401, "")
}

func TestTheServerAnswersForItsOwnHostsOnly(t *testing.T) {
	s := serve(t, func(cfg *rest.Configuration) { cfg.Hosts = []string{"Box.local"} })
	for host, want := range map[string]int{
		"localhost:80": 200, "127.0.0.1": 200, "127.9.9.9:1": 200, "[::1]:80": 200, "box.local.": 200, "LOCALHOST": 200,
		"evil.example": 421, "192.168.0.9": 421, "box.local.evil.example": 421, "localhost.evil.example": 421,
	} {
		if got := s.do("GET /_ping", "", "Host: "+host); got.status != want {
			t.Errorf("%s: got %d, want %d", host, got.status, want)
		}
	}
}

func TestPagesOfOtherSitesChangeNothing(t *testing.T) {
	s := serve(t, func(cfg *rest.Configuration) {
		cfg.CORS = rest.CORS{Origins: []string{"https://app.example"}, LoginOrigins: []string{"https://login.example"}}
	})
	for _, x := range []struct {
		request, body string
		headers       []string
		status        int
	}{
		{"PUT /shop/a", "{}", []string{"Origin: https://evil.example"}, 403},
		{"PUT /shop/a", "{}", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"POST /shop", "{}", []string{"Origin: https://evil.example", "Content-Type: text/plain"}, 403},
		{"POST /shop", "{}", []string{"Content-Type: text/plain"}, 415},
		{"POST /shop", "{}", []string{"Content-Type: application/x-www-form-urlencoded"}, 415},
		{"PUT /shop/b", "{}", []string{"Origin: https://app.example", "Sec-Fetch-Site: cross-site"}, 201},
		{"PUT /shop/c", "{}", []string{"Sec-Fetch-Site: same-origin"}, 201},
		{"POST /_session", "", []string{"Origin: https://app.example"}, 403},
		{"POST /_session", "", []string{"Origin: https://login.example"}, 200},
		{"OPTIONS /shop/a", "", []string{"As: ", "Origin: https://app.example", "Access-Control-Request-Method: PUT"}, 204},
		{"OPTIONS /shop/a", "", []string{"As: ", "Origin: https://evil.example", "Access-Control-Request-Method: PUT"}, 403},
		{"OPTIONS /shop/a", "", nil, 405},
	} {
		if got := s.do(x.request, x.body, x.headers...); got.status != x.status {
			t.Errorf("%s %v: got %d %s, want %d", x.request, x.headers, got.status, got.body, x.status)
		}
	}
	got := s.do("OPTIONS /shop/a", "", "As: ", "Origin: https://app.example", "Access-Control-Request-Method: PUT").header
	if got.Get("Access-Control-Allow-Origin") != "https://app.example" || got.Get("Access-Control-Allow-Credentials") != "true" {
		t.Errorf("the preflight has %v", got)
	}
}

func TestAnyOriginIsNeverAllowedCredentials(t *testing.T) {
	s := serve(t, func(cfg *rest.Configuration) { cfg.CORS.Origins = []string{"*"} })
	got := s.do("GET /shop", "", "Origin: https://any.example")
	if got.header.Get("Access-Control-Allow-Origin") != "*" || got.header.Get("Access-Control-Allow-Credentials") != "" {
		t.Errorf("got %v", got.header)
	}
	s.want(s.do("POST /shop", "", "Origin: https://any.example", "Content-Type: text/plain"), http.StatusForbidden, "")
}
