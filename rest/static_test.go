package rest_test

import (
	"context"
	"crypto/x509"
	"crypto/x509/pkix"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

// serveApp serves an app beside shop, with no check against the document, which does not have the app.
func serveApp(t *testing.T) *server {
	t.Helper()
	folder := t.TempDir()
	for name, text := range map[string]string{
		"app/index.html": "<p>hello", "app/js/main.js": "let a", "app/.env": "secret", "app/js/.git/x": "secret", "app/empty/x": "x", "outside": "secret",
	} {
		check(t, os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o700))
		check(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
	}
	_ = os.Symlink(filepath.Join(folder, "outside"), filepath.Join(folder, "app", "link")) // where the system has links
	root, err := os.OpenRoot(filepath.Join(folder, "app"))
	check(t, err)
	s := &server{t: t, shop: open(t, "shop", tandem.Options{Versioning: tandem.RevTrees})}
	s.handler, err = rest.NewHandler(rest.Configuration{
		Databases: []rest.Database{{Database: s.shop, ClientWrites: true}}, Users: testUsers(t), Static: root.FS(),
		ClientCertificates: &rest.ClientCertificates{},
	})
	check(t, err)
	web := httptest.NewServer(s.handler)
	t.Cleanup(func() {
		check(t, s.handler.Close(context.Background()))
		web.Close()
		check(t, root.Close())
	})
	s.url = web.URL
	return s
}

func TestAnAppIsServedFromTheSameOrigin(t *testing.T) {
	s := serveApp(t)
	if got := s.do("GET /app", "", "As: "); got.status != 308 || got.header.Get("Location") != "/app/" {
		t.Errorf("without the slash: got %d to %q", got.status, got.header.Get("Location"))
	}
	for path, kind := range map[string]string{"/app/": "text/html", "/app/index.html": "text/html", "/app/js/main.js": "text/javascript"} {
		got := s.want(s.do("GET "+path, "", "As: "), 200, "")
		if !strings.HasPrefix(got.header.Get("Content-Type"), kind) || got.header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: got %v", path, got.header)
		}
	}
	for _, path := range []string{
		"/app/none", "/app/.env", "/app/js/.git/x", "/app/js/", "/app/empty/", "/app/link", "/app/..%2Foutside", "/app/../outside", "/app/%2e%2e/outside",
		"/app/js%2F..%2F..%2Foutside", "/app//etc/passwd", "/app/%00", "/app/index.html/x",
	} {
		if got := s.do("GET "+path, "", "As: "); got.status != 404 || strings.Contains(got.body, "secret") {
			t.Errorf("%s: got %d %s, want 404", path, got.status, got.body)
		}
	}
	s.want(s.do("POST /app/", "{}", "As: "), 405, "")
	s.want(s.do("GET /app/", "", "As: ", "Host: evil.example"), 421, "")
}

// TestAScriptIsToldThatItHasNoLogin, and not its user by a window of the browser.
func TestAScriptIsToldThatItHasNoLogin(t *testing.T) {
	s := serve(t, nil)
	for mode, asks := range map[string]bool{"": true, "navigate": true, "cors": false, "same-origin": false} {
		var headers []string
		if mode != "" {
			headers = append(headers, "Sec-Fetch-Mode: "+mode)
		}
		got := s.want(s.do("GET /shop", "", append(headers, "As: ")...), 401, "")
		if has := got.header.Get("WWW-Authenticate") != ""; has != asks {
			t.Errorf("mode %q: got %v, want the challenge: %v", mode, got.header, asks)
		}
	}
}

// TestTheScriptsOfAnAppHaveNoAdmin: a session is theirs as well.
func TestTheScriptsOfAnAppHaveNoAdmin(t *testing.T) {
	s := serveApp(t)
	all := hashed(t, usersFile)
	s.handler.SetUsers(parseUsers(t, all))
	s.want(s.do("POST /_session", `{"name":"ann","password":"ann"}`, "As: "), 403, "")
	s.want(s.do("POST /shop/_session?one_time=true", `{}`, "As: ann"), 403, "")
	s.want(s.do("GET /_log", "", "As: ann"), 501, "") // with the password
	got := s.want(s.do("POST /_session", `{"name":"bob","password":"bob"}`, "As: "), 200, "")
	cookie, _, _ := strings.Cut(got.header.Get("Set-Cookie"), ";")
	s.want(s.do("GET /shop", "", "As: ", "Cookie: "+cookie), 200, "")

	at := strings.Index(all, `"bob"`) // who becomes one
	end := at + strings.Index(all[at:], "}")
	s.handler.SetUsers(parseUsers(t, all[:end]+`, "roles": ["admin"]`+all[end:]))
	for _, path := range []string{"/shop", "/_log"} {
		s.want(s.do("GET "+path, "", "As: ", "Cookie: "+cookie), 403, "")
	}
}

// TestAnAppSharesNoLoginOfAnAdmin that the browser adds to the requests of its scripts by itself.
func TestAnAppSharesNoLoginOfAnAdmin(t *testing.T) {
	s := serveApp(t)
	for _, header := range []string{"Sec-Fetch-Site: same-origin", "Sec-Fetch-Site: none", "Origin: " + s.url} {
		s.want(s.do("GET /_log", "", "As: ann", header), 403, "")
		s.want(s.do("GET /shop", "", "As: ann", header), 403, "")
		s.want(s.do("GET /shop", "", "As: bob", header), 200, "")
		got := s.want(s.do("GET /shop", "", "As: ", "Sec-Fetch-Mode: navigate", header), 401, "")
		if got.header.Get("WWW-Authenticate") != "" {
			t.Errorf("%s: the browser is to ask for a login, and remember it", header)
		}
	}
	if got := s.want(s.do("GET /shop", "", "As: "), 401, ""); got.header.Get("WWW-Authenticate") == "" {
		t.Error("a program is not told how to log in")
	}
	for name, status := range map[string]int{"ann": 403, "bob": 200} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "https://localhost/shop", nil)
		r.RemoteAddr = "127.0.0.1:1"
		r.TLS.VerifiedChains = [][]*x509.Certificate{{{Subject: pkix.Name{CommonName: name}}}}
		w := httptest.NewRecorder()
		if s.handler.ServeHTTP(w, r); w.Code != status {
			t.Errorf("the certificate of %s: got %d %s, want %d", name, w.Code, w.Body, status)
		}
	}
}

func TestAnAppDoesNotHideADatabase(t *testing.T) {
	db := open(t, "app", tandem.Options{})
	cfg := rest.Configuration{Databases: []rest.Database{{Database: db}}, Anonymous: true, Static: os.DirFS(t.TempDir())}
	if err := cfg.Validate(); err == nil {
		t.Error("a database of the name app is served where an app is")
	}
	cfg.Databases[0].Name = "other"
	if err := cfg.Validate(); err != nil {
		t.Error(err)
	}
	if cfg.Page = true; cfg.Validate() == nil {
		t.Error("a page is served where an app is")
	}
}
