package pouchdb_test

import (
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/openapi"
	"github.com/tandemdb/tandem/rest"
)

// server is a Tandem with the database shop. The tests check its every answer against the document.
type server struct {
	t    testing.TB
	db   *tandem.Database
	coll *tandem.Collection
	url  string // of the database
	web  string

	requests atomic.Int64
	refuse   atomic.Pointer[func(r *http.Request) bool] // requests that are answered 503
}

// serve starts a server, with the files of an app or none.
func serve(t testing.TB, static fs.FS) *server {
	t.Helper()
	db, err := tandem.Open(t.Context(), filepath.Join(t.TempDir(), "shop"), tandem.Options{Versioning: tandem.RevTrees})
	check(t, err)
	t.Cleanup(func() {
		problems, err := db.Check(context.Background())
		if err != nil || len(problems) > 0 {
			t.Errorf("the database is not sound: %v, %v", problems, err)
		}
		check(t, db.Close())
	})
	s := &server{t: t, db: db}
	s.coll, err = db.DefaultCollection(t.Context())
	check(t, err)
	handler, err := rest.NewHandler(rest.Configuration{
		Databases: []rest.Database{{Database: db, ClientWrites: true}}, Users: users(t), Static: static,
	})
	check(t, err)
	doc, err := document()
	check(t, err)
	checked := doc.Watch(handler, func(err error) { t.Error(err) })
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		if refuse := s.refuse.Load(); refuse != nil && (*refuse)(r) {
			http.Error(w, "{}", http.StatusServiceUnavailable)
			return
		}
		if strings.HasPrefix(r.URL.Path, "/app") {
			handler.ServeHTTP(w, r)
			return
		}
		checked.ServeHTTP(w, r)
	}))
	t.Cleanup(func() {
		check(t, handler.Close(context.Background()))
		web.CloseClientConnections()
		web.Close()
	})
	s.web, s.url = web.URL, web.URL+"/shop"
	return s
}

var document = sync.OnceValues(func() (*openapi.Document, error) { return openapi.Parse(rest.OpenAPI()) })

func users(t testing.TB) *rest.Users {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte("bob"), bcrypt.MinCost)
	check(t, err)
	all, err := rest.ParseUsers([]byte("bob:" + string(hash)))
	check(t, err)
	return all
}

// took returns how many requests work has sent.
func (s *server) took(work func()) int64 {
	before := s.requests.Load()
	work()
	return s.requests.Load() - before
}

// put saves a document as a program on the server does; a nil body deletes it.
func (s *server) put(id string, body map[string]any) {
	s.t.Helper()
	ctx := context.Background()
	d, err := s.coll.Document(ctx, id)
	switch {
	case errors.Is(err, tandem.ErrNotFound):
		if body == nil {
			return
		}
		d = tandem.NewDocument(id)
	default:
		check(s.t, err)
	}
	if body == nil {
		check(s.t, s.coll.Delete(ctx, d))
		return
	}
	text, err := json.Marshal(body)
	check(s.t, err)
	check(s.t, d.SetBody(text))
	check(s.t, s.coll.Save(ctx, d))
}

// all returns the documents by ID, each as its revision and content.
func (s *server) all() map[string]string {
	s.t.Helper()
	all := map[string]string{}
	for d, err := range s.coll.All(context.Background()) {
		check(s.t, err)
		body := map[string]any{}
		check(s.t, json.Unmarshal(d.Body(), &body))
		all[d.ID()] = d.RevisionID() + " " + content(s.t, body)
	}
	return all
}

// content returns the members of a body that are its content.
func content(t testing.TB, body map[string]any) string {
	t.Helper()
	for key := range body {
		if strings.HasPrefix(key, "_") {
			delete(body, key)
		}
	}
	text, err := json.Marshal(body)
	check(t, err)
	return string(text)
}
