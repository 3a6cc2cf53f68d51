package store_test

import (
	"errors"
	"net/url"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/postgres"
	"github.com/tandemdb/tandem/internal/store/storetest"
)

// onPostgres reports whether the tests of this run use databases in PostgreSQL.
func onPostgres() bool { return storetest.OnPostgres() }

// inFolders skips a test of what only databases in folders have.
func inFolders(t testing.TB) {
	t.Helper()
	if onPostgres() {
		t.Skip("databases in folders alone")
	}
}

// inPostgres skips a test of what portable nodes do without: the line of the server's history.
func inPostgres(t testing.TB) {
	t.Helper()
	if storetest.Portable() {
		t.Skip("nodes that are not portable alone")
	}
}

// postgresURL returns the URL of a new schema on the server of this run.
func postgresURL(t testing.TB) string {
	t.Helper()
	return storetest.SharedPostgres(t).URL()
}

// openNode opens a database in PostgreSQL, and closes it at the end of the test.
func openNode(t testing.TB, url string, o store.Options) *store.DB {
	t.Helper()
	db, err := store.OpenHub(background, postgres.Engine{}, url, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { checked(t, db) })
	return db
}

// checked closes db, and finds it sound before if it is still open.
func checked(t testing.TB, db *store.DB) {
	t.Helper()
	if problems, err := db.Check(background); err != nil && !errors.Is(err, fault.NotOpen) || len(problems) > 0 {
		t.Errorf("the check finds %v, %v", problems, err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// schemaOf splits the URL of a database into that of the server and the schema.
func schemaOf(t testing.TB, text string) (server, schema string) {
	t.Helper()
	u, err := url.Parse(storetest.Plain(text))
	if err != nil {
		t.Fatal(err)
	}
	query := u.Query()
	schema = query.Get("schema")
	query.Del("schema")
	u.RawQuery = query.Encode()
	return u.String(), schema
}

// through returns the URL of a database by way of another address.
func through(t testing.TB, text, address string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	u.Host = address
	return u.String()
}
