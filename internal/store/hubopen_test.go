package store_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/seal"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/postgres"
	"github.com/tandemdb/tandem/internal/store/storetest"
)

// ownServer starts a server for one test.
func ownServer(t testing.TB) *storetest.Postgres {
	t.Helper()
	server := storetest.StartPostgres(t)
	if server.Runs() {
		t.Skip("the server of TANDEM_POSTGRES is not this test's to stop")
	}
	return server
}

// run runs statements on the server of a database.
func run(t testing.TB, url string, statements ...string) {
	t.Helper()
	conn := connect(t, url)
	defer conn.Close(background)
	for _, sql := range statements {
		if _, err := conn.Exec(background, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// as returns the URL with another user, password and database.
func as(url, user, database string) string {
	url = strings.Replace(url, "tandem@", user+"@", 1)
	return strings.Replace(url, "/postgres?", "/"+database+"?", 1)
}

// TestWhatCannotBeOpenedSaysWhy opens databases that are wrong in every way, and looks for the cause and for a hint.
func TestWhatCannotBeOpenedSaysWhy(t *testing.T) {
	url := postgresURL(t)
	_, schema := schemaOf(t, url)
	quoted := pgx.Identifier{schema}.Sanitize()
	role := "guest_" + schema
	latin := "latin_" + schema
	tests := []struct {
		name    string
		prepare []string
		url     string
		o       store.Options
		code    *fault.Error
		says    string
	}{
		{name: "missing", url: url, o: store.Options{MustExist: true}, code: fault.NotFound, says: "there is no database in the schema"},
		{name: "no such database of the server", url: as(url, "tandem", "nowhere"), code: fault.NotFound, says: "no such database"},
		{name: "no such role", url: as(url, "nobody", "postgres"), code: fault.CantOpen, says: "user or password"},
		{
			name: "no right to create", prepare: []string{`CREATE ROLE ` + role + ` LOGIN`}, url: as(url, role, "postgres"),
			code: fault.NotWriteable, says: "lacks a right",
		},
		{
			name: "another encoding", prepare: []string{`CREATE DATABASE ` + latin + ` ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0`},
			url: as(url, "tandem", latin), code: fault.Unsupported, says: "LATIN1",
		},
		{
			name: "a server that only reads", prepare: []string{`ALTER ROLE ` + role + ` SET default_transaction_read_only = on`},
			url: as(url, role, "postgres"), code: fault.NotWriteable, says: "read-only",
		},
		{
			name: "another program's tables", prepare: []string{`CREATE SCHEMA ` + quoted, `CREATE TABLE hub (n int)`}, url: url,
			code: fault.NotADatabase, says: "another program",
		},
		{name: "the schema of everybody", url: strings.Replace(url, schema, "public", 1), code: fault.Invalid, says: "public"},
		{name: "a port that nobody has", url: through(t, url, "127.0.0.1:1"), code: fault.ConnectionRefused, says: "cannot be reached"},
		{name: "no URL", url: "postgres://%zz", code: fault.Invalid, says: "URL"},
		{name: "a key", url: url, o: store.Options{Secret: &seal.Secret{}}, code: fault.Unsupported, says: "encryption"},
		{name: "a wrong option", url: url, o: store.Options{MaxHistory: -1}, code: fault.Invalid, says: "history"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			run(t, url, test.prepare...)
			db, err := store.OpenHub(background, postgres.Engine{}, test.url, test.o)
			if err == nil {
				checked(t, db)
			}
			if !errors.Is(err, test.code) || !strings.Contains(fmt.Sprint(err), test.says) || fault.HintOf(err) == "" {
				t.Errorf("got %v (hint %q), want %v that says %q, with a hint", err, fault.HintOf(err), test.code, test.says)
			}
		})
	}
}

func TestANewerFormatIsRefused(t *testing.T) {
	url := postgresURL(t)
	checked(t, openOnce(t, url, store.Options{}))
	run(t, url, `UPDATE hub SET format = 99`)
	_, err := store.OpenHub(background, postgres.Engine{}, url, store.Options{})
	if !errors.Is(err, fault.TooNew) || !strings.Contains(err.Error(), "99") {
		t.Errorf("got %v, want too new", err)
	}
}

func TestTheVersioningMustFit(t *testing.T) {
	url := postgresURL(t)
	checked(t, openOnce(t, url, store.Options{Versioning: store.RevTrees}))
	if _, err := store.OpenHub(background, postgres.Engine{}, url, store.Options{Versioning: store.VersionVectors}); !errors.Is(err, fault.Invalid) {
		t.Errorf("got %v, want invalid", err)
	}
	db := openOnce(t, url, store.Options{})
	defer checked(t, db)
	if db.Versioning() != store.RevTrees {
		t.Errorf("the versioning is %s", db.Versioning())
	}
}

// openOnce opens a database that the test closes.
func openOnce(t testing.TB, url string, o store.Options) *store.DB {
	t.Helper()
	db, err := store.OpenHub(background, postgres.Engine{}, url, o)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestAPasswordIsNowhere(t *testing.T) {
	url := strings.Replace(postgresURL(t), "tandem@", "tandem:s3cret@", 1)
	db := openOnce(t, url, store.Options{})
	defer checked(t, db)
	if strings.Contains(db.Path(), "s3cret") {
		t.Errorf("the path %s has the password", db.Path())
	}
	for _, broken := range []string{
		strings.Replace(url, "127.0.0.1", "127.0.0.1:x", 1),
		through(t, url, "127.0.0.1:1"),
		url + "&sslmode=nonsense",
	} {
		if _, err := store.OpenHub(background, postgres.Engine{}, broken, store.Options{}); err == nil || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("got %v, want an error without the password", err)
		}
	}
}

func TestDamagedTablesAreFound(t *testing.T) {
	for what, sql := range map[string]string{
		"a body":     `UPDATE "_default._default" SET unfit = 'x', body = '{"a":'`,
		"a revision": `UPDATE "_default._default" SET rev = 'x'`,
		"a history":  `UPDATE "_default._default" SET history = 'x@'`,
		"a count":    `UPDATE collection SET live = 7`,
		"a sequence": `UPDATE collection SET last = 0`,
		"flags":      `UPDATE "_default._default" SET flags = 4`,
	} {
		t.Run(what, func(t *testing.T) {
			url := postgresURL(t)
			db := openOnce(t, url, store.Options{})
			defer db.Close()
			save(t, db, defaults(t, db), "a", `{"n":1}`)
			run(t, url, sql)
			if problems, err := db.Check(background); len(problems) == 0 || err != nil {
				t.Errorf("the check finds %v, %v", problems, err)
			}
		})
	}
}
