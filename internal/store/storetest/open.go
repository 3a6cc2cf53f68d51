package storetest

import (
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/postgres"
)

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
	return SharedPostgres(t).In(fmt.Sprintf("folder_%x", sha256.Sum224([]byte(path)))[:40])
}

// Environment has test binaries that a test starts use the server of this one.
func Environment(t testing.TB) []string {
	t.Helper()
	if !OnPostgres() {
		return nil
	}
	return []string{"TANDEM_POSTGRES=" + SharedPostgres(t).Base()}
}

// Tests are those of a test binary. Run ends the server that they have started.
type Tests struct{ M *testing.M }

// Run runs the tests.
func (t Tests) Run() (status int) {
	defer StopPostgres()
	return t.M.Run()
}
