package storetest

import (
	"sync"
	"testing"

	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/postgres"
)

// places are the URLs of databases in PostgreSQL by the paths of the folders that they stand for.
var places struct {
	sync.Mutex
	urls map[string]string
}

// Open opens the database in a folder. Where the tests of this run use PostgreSQL, it opens one there that stands for the folder,
// unless the options are such as only folders have. The caller closes it.
func Open(t testing.TB, path string, o store.Options) (*store.DB, error) {
	t.Helper()
	if !OnPostgres() || o.Disk != nil || o.Secret != nil {
		return store.Open(t.Context(), path, o)
	}
	return store.OpenHub(t.Context(), postgres.Engine{}, URLOf(t, path), o)
}

// URLOf returns the URL of the database in PostgreSQL that stands for a folder.
func URLOf(t testing.TB, path string) string {
	t.Helper()
	server := SharedPostgres(t)
	places.Lock()
	defer places.Unlock()
	url, ok := places.urls[path]
	if !ok {
		if places.urls == nil {
			places.urls = make(map[string]string)
		}
		url = server.URL()
		places.urls[path] = url
	}
	return url
}

// Tests are those of a test binary. Run ends the server that they have started.
type Tests struct{ M *testing.M }

// Run runs the tests.
func (t Tests) Run() (status int) {
	defer StopPostgres()
	return t.M.Run()
}
