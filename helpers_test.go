package tandem_test

import (
	"context"
	"errors"
	"maps"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/hub"
	"github.com/tandemdb/tandem/internal/store/storetest"
	"github.com/tandemdb/tandem/internal/testsize"
)

// newDatabase returns a new database that is closed with the test.
func newDatabase(t testing.TB, o tandem.Options) *tandem.Database {
	t.Helper()
	return openAt(t, filepath.Join(t.TempDir(), "test"), o)
}

// openAt opens a database in a folder. Where the tests of this run use PostgreSQL, it opens one there that stands for the folder,
// unless the options are such as only folders have; path may be the URL of one.
func openAt(t testing.TB, path string, o tandem.Options) *tandem.Database {
	t.Helper()
	if storetest.OnPostgres() && o.EncryptionKey == nil {
		if o.Engine = hub.PostgreSQL(); !o.Engine.Opens(path) {
			path = storetest.URLOf(t, path)
		}
	}
	db, err := tandem.Open(t.Context(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		wantSound(t, db)
		check(t, db.Close())
	})
	return db
}

// inFolders skips a test of what databases in PostgreSQL do not have, or have in another way.
func inFolders(t testing.TB, what string) {
	t.Helper()
	if storetest.OnPostgres() {
		t.Skip("databases in folders alone: " + what)
	}
}

// wantSound fails unless a database is sound or closed.
func wantSound(t testing.TB, db *tandem.Database) {
	t.Helper()
	problems, err := db.Check(context.Background())
	if err != nil && !errors.Is(err, tandem.ErrNotOpen) || len(problems) > 0 {
		t.Errorf("%s is not sound: %v, %v", db.Name(), problems, err)
	}
}

// newCollection returns the default collection of a new database.
func newCollection(t testing.TB) *tandem.Collection {
	t.Helper()
	return defaultIn(t, newDatabase(t, tandem.Options{}))
}

func defaultIn(t testing.TB, db *tandem.Database) *tandem.Collection {
	t.Helper()
	c, err := db.DefaultCollection(t.Context())
	check(t, err)
	return c
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

func newDocument(t testing.TB, id, body string) *tandem.Document {
	t.Helper()
	d, err := tandem.NewDocumentWithBody(id, []byte(body))
	check(t, err)
	return d
}

// save stores a body under an ID, whatever is there.
func save(t testing.TB, c *tandem.Collection, id, body string) *tandem.Document {
	t.Helper()
	d := newDocument(t, id, body)
	check(t, c.Save(context.Background(), d))
	return d
}

func read(t testing.TB, c *tandem.Collection, id string) *tandem.Document {
	t.Helper()
	d, err := c.Document(context.Background(), id)
	check(t, err)
	return d
}

func wantBody(t testing.TB, c *tandem.Collection, id, want string) {
	t.Helper()
	if got := string(read(t, c, id).Body()); got != want {
		t.Errorf("body of %s: got %s, want %s", id, got, want)
	}
}

// contents lists what All gives, by ID.
func contents(t testing.TB, c *tandem.Collection) map[string]string {
	t.Helper()
	all := map[string]string{}
	for d, err := range c.All(context.Background()) {
		check(t, err)
		all[d.ID()] = string(d.Body())
	}
	return all
}

func wantContents(t testing.TB, c *tandem.Collection, want map[string]string) {
	t.Helper()
	if got := contents(t, c); !maps.Equal(got, want) {
		t.Errorf("documents of %s: got %v, want %v", c.FullName(), got, want)
	}
}

// changed lists the IDs that ChangesSince gives.
func changed(t testing.TB, c *tandem.Collection, since uint64) (ids []string) {
	t.Helper()
	for change, err := range c.ChangesSince(context.Background(), since) {
		check(t, err)
		ids = append(ids, change.ID)
	}
	return ids
}

func wantIDs(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}

// patience is how long a test waits for what must happen.
const patience = testsize.Patience

// receive waits for a value.
func receive[T any](t testing.TB, what string, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not come within %v", what, patience)
		panic("not reached")
	}
}
