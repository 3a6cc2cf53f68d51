package rest_test

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/openapi"
	"github.com/tandemdb/tandem/rest"
)

// usersFile has a user for each role; the password of each is the name. eve may do nothing with shop.
const usersFile = `{
	"ann": {"password": "$2y$04$ANN", "roles": ["admin"]},
	"rob": {"password": "$2y$04$ROB", "roles": ["replicate"]},
	"bob": {"password": "$2y$04$BOB"},
	"ron": {"password": "$2y$04$RON", "access": {"shop.*": ["read"]}},
	"eve": {"password": "$2y$04$EVE", "access": {"other.*": ["read", "write"]}}
}`

// server is a handler on a database "shop", and another "other", behind an HTTP server.
type server struct {
	t       testing.TB
	url     string
	handler *rest.Handler
	shop    *tandem.Database
	coll    *tandem.Collection // the default one of shop
}

// serve starts a server. change may be nil.
func serve(t testing.TB, change func(cfg *rest.Configuration)) *server {
	t.Helper()
	s := &server{t: t, shop: open(t, "shop", tandem.Options{})}
	other := open(t, "other", tandem.Options{Versioning: tandem.RevTrees})
	cfg := rest.Configuration{
		Databases: []rest.Database{{Database: s.shop, ClientWrites: true}, {Database: other, ClientWrites: true}},
		Users:     testUsers(t),
	}
	if change != nil {
		change(&cfg)
	}
	var err error
	s.handler, err = rest.NewHandler(cfg)
	check(t, err)
	web := httptest.NewServer(document(t).Watch(s.handler, func(err error) { t.Error(err) }))
	t.Cleanup(func() {
		check(t, s.handler.Close(context.Background()))
		http.DefaultClient.CloseIdleConnections()
		web.Close()
	})
	s.url = web.URL
	s.coll, err = s.shop.DefaultCollection(t.Context())
	check(t, err)
	return s
}

// document is rest/openapi.json, which every answer of a server is checked against.
func document(t testing.TB) *openapi.Document {
	t.Helper()
	doc, err := parsedDocument()
	check(t, err)
	return doc
}

var parsedDocument = sync.OnceValues(func() (*openapi.Document, error) { return openapi.Parse(rest.OpenAPI()) })

// open opens a new database, which has to be sound at the end.
func open(t testing.TB, name string, o tandem.Options) *tandem.Database {
	t.Helper()
	db, err := tandem.Open(t.Context(), filepath.Join(t.TempDir(), name), o)
	check(t, err)
	t.Cleanup(func() {
		problems, err := db.Check(context.Background())
		if err != nil && !errors.Is(err, tandem.ErrNotOpen) || len(problems) > 0 {
			t.Errorf("%s is not sound: %v, %v", name, problems, err)
		}
		check(t, db.Close())
	})
	return db
}

// answer is what a server has answered.
type answer struct {
	status int
	header http.Header
	body   string
}

// do sends "METHOD /path" with headers "Name: value"; a body is JSON unless a header says otherwise. The
// user is bob, unless a header has another login: "As: ann", or "As: " for none.
func (s *server) do(request, body string, headers ...string) answer {
	s.t.Helper()
	return s.send(s.request(request, body, headers...))
}

// request makes the request of do.
func (s *server) request(request, body string, headers ...string) *http.Request {
	s.t.Helper()
	method, path, _ := strings.Cut(request, " ")
	r, err := http.NewRequestWithContext(s.t.Context(), method, s.url+path, strings.NewReader(body))
	check(s.t, err)
	if body != "" {
		r.Header.Set("Content-Type", "application/json")
	}
	as := "bob"
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		switch strings.TrimSuffix(name, ":") {
		case "As":
			as = value
		case "Host":
			r.Host = value
		default:
			r.Header.Set(name, value)
		}
	}
	if as != "" {
		r.SetBasicAuth(as, as)
	}
	return r
}

func (s *server) send(r *http.Request) answer {
	s.t.Helper()
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	got, err := client.Do(r)
	check(s.t, err)
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	check(s.t, err)
	return answer{got.StatusCode, got.Header, string(text)}
}

// want fails unless an answer has a status, and its body is equal to one, but for "*" that stands for any
// string, or anything if it is "".
func (s *server) want(got answer, status int, body string) answer {
	s.t.Helper()
	if got.status != status {
		s.t.Errorf("got %d %s, want %d %s", got.status, got.body, status, body)
	} else if body != "" && !like(body, got.body) {
		s.t.Errorf("got %s, want %s", got.body, body)
	}
	return got
}

// like compares two JSON texts, of which the first may have "*" for any value.
func like(want, got string) bool {
	var w, g any
	if json.Unmarshal([]byte(want), &w) != nil || json.Unmarshal([]byte(got), &g) != nil {
		return want == got
	}
	return likeValue(w, g)
}

func likeValue(want, got any) bool {
	switch w := want.(type) {
	case map[string]any:
		g, ok := got.(map[string]any)
		if !ok || len(w) != len(g) {
			return false
		}
		for key, value := range w {
			if _, has := g[key]; !has || !likeValue(value, g[key]) {
				return false
			}
		}
		return true
	case []any:
		g, ok := got.([]any)
		if !ok || len(w) != len(g) {
			return false
		}
		for i := range w {
			if !likeValue(w[i], g[i]) {
				return false
			}
		}
		return true
	case string:
		if w == "*" {
			return true
		}
	}
	return want == got
}

// rev returns the revision that an answer to an edit names.
func (a answer) rev(t testing.TB) string {
	t.Helper()
	var saved struct{ Rev string }
	check(t, json.Unmarshal([]byte(a.body), &saved))
	if saved.Rev == "" {
		t.Fatalf("%d %s has no revision", a.status, a.body)
	}
	return saved.Rev
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// escape escapes all of an ID but letters, so that a client sends it as it is.
func escape(id string) string {
	const hex = "0123456789ABCDEF"
	var text []byte
	for _, b := range []byte(id) {
		if b >= 'a' && b <= 'z' || b == '.' {
			text = append(text, b)
		} else {
			text = append(text, '%', hex[b>>4], hex[b&15])
		}
	}
	return string(text)
}

func quote(text string) string {
	quoted, _ := json.Marshal(text)
	return string(quoted)
}

// testUsers reads usersFile, with new hashes of the passwords.
func testUsers(t testing.TB) *rest.Users { return parseUsers(t, hashed(t, usersFile)) }

func parseUsers(t testing.TB, text string) *rest.Users {
	t.Helper()
	all, err := rest.ParseUsers([]byte(text))
	check(t, err)
	return all
}

// hashed puts hashes of the passwords into a users file.
func hashed(t testing.TB, text string) string {
	t.Helper()
	for _, name := range []string{"ann", "rob", "bob", "ron", "eve"} {
		hash, err := bcrypt.GenerateFromPassword([]byte(name), bcrypt.MinCost)
		check(t, err)
		text = strings.Replace(text, "$2y$04$"+strings.ToUpper(name), string(hash), 1)
	}
	return text
}
