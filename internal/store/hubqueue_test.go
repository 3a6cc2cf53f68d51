package store_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/postgres"
	"github.com/tandemdb/tandem/internal/testsize"
)

// transaction begins one of a connection of its own, with some statements.
func transaction(t *testing.T, url string, statements ...string) *pgx.Conn {
	t.Helper()
	conn := connect(t, url)
	t.Cleanup(func() { _ = conn.Close(background) })
	obey(t, conn, append([]string{`BEGIN`}, statements...)...)
	return conn
}

func obey(t *testing.T, conn *pgx.Conn, statements ...string) {
	t.Helper()
	for _, sql := range statements {
		if _, err := conn.Exec(background, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}

// untilTrue asks by SQL until the answer is true.
func untilTrue(t *testing.T, url, sql string, args ...any) {
	t.Helper()
	if !testsize.Eventually(time.Minute, func() bool { return bySQL[bool](t, url, sql, args...) }) {
		t.Fatalf("it does not become true: %s %v", sql, args)
	}
}

// untilBlocking waits until a connection makes another one wait.
func untilBlocking(t *testing.T, url string, conn *pgx.Conn) {
	t.Helper()
	untilTrue(t, url, `SELECT count(*) > 0 FROM pg_stat_activity WHERE $1 = ANY (pg_blocking_pids(pid))`, int32(conn.PgConn().PID()))
}

// opened opens a node meanwhile, and sends the error.
func opened(t *testing.T, url string) <-chan error {
	t.Helper()
	result := make(chan error, 1)
	go func() {
		db, err := store.OpenHub(background, postgres.Engine{}, url, store.Options{})
		if err == nil {
			err = db.Close()
		}
		result <- err
	}()
	return result
}

// TestAnUpgradeWaitsBesideWriters upgrades a schema while one writer has the lock of all, and another one waits for it.
func TestAnUpgradeWaitsBesideWriters(t *testing.T) {
	const write = `UPDATE hub SET commits = commits + 1`
	url := postgresURL(t)
	checked(t, openOnce(t, url, store.Options{}))
	run(t, url, older...)
	first := transaction(t, url, write)
	result := opened(t, url)
	untilBlocking(t, url, first)
	second := transaction(t, url)
	waits := make(chan error, 1)
	go func() { _, err := second.Exec(background, write); waits <- err }()
	untilTrue(t, url, `SELECT cardinality(pg_blocking_pids($1)) > 0`, int32(second.PgConn().PID()))
	obey(t, first, `COMMIT`)
	if err := <-waits; err != nil {
		t.Errorf("the writer that waits: %v", err)
	}
	obey(t, second, `COMMIT`)
	if err := <-result; err != nil {
		t.Errorf("the upgrade: %v", err)
	}
}

// TestACollectionMadeMeanwhileIsNoDamage makes a collection while another node opens the database.
func TestACollectionMadeMeanwhileIsNoDamage(t *testing.T) {
	url := postgresURL(t)
	checked(t, openOnce(t, url, store.Options{}))
	maker := transaction(t, url, `LOCK TABLE collection IN ACCESS EXCLUSIVE MODE`)
	result := opened(t, url)
	untilBlocking(t, url, maker)
	obey(
		t, maker, `CREATE TABLE "shop.items" (LIKE "_default._default" INCLUDING ALL)`,
		`INSERT INTO collection (scope, name, tab) VALUES ('shop', 'items', 'shop.items')`, `COMMIT`,
	)
	if err := <-result; err != nil {
		t.Error(err)
	}
}

// TestAReaderOfAnOldViewStopsNoWriter makes a collection anew while SQL reads the view of the old one.
func TestAReaderOfAnOldViewStopsNoWriter(t *testing.T) {
	t.Parallel()
	dbs, url := nodes(t, 1, store.Options{})
	db := dbs[0]
	if _, err := db.CreateCollection(background, "shop", "items"); err != nil {
		t.Fatal(err)
	}
	reader := transaction(t, url, `SELECT count(*) FROM "shop.items live"`)
	if err := db.DeleteCollection(background, "shop", "items"); err != nil {
		t.Fatal(err)
	}
	result := make(chan error, 1)
	go func() { _, err := db.CreateCollection(background, "shop", "items"); result <- err }()
	untilTrue(t, url, `SELECT count(*) > 0 FROM pg_stat_activity
		WHERE query LIKE '%CREATE OR REPLACE VIEW%' AND $1 = ANY (pg_blocking_pids(pid))`, int32(reader.PgConn().PID()))
	writer := transaction(t, url, `SET LOCAL lock_timeout = '30s'`, `UPDATE hub SET commits = commits`)
	obey(t, writer, `ROLLBACK`)
	obey(t, reader, `COMMIT`)
	if err := <-result; err != nil {
		t.Error(err)
	}
}
