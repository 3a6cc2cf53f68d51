package store_test

import (
	"errors"
	"maps"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/storetest"
	"github.com/tandemdb/tandem/internal/testsize"
)

var (
	bothVersionings = []store.Versioning{store.VersionVectors, store.RevTrees}
	allVersionings  = append(bothVersionings[:2:2], store.Both)
)

// eachOperation runs test for each operation, each time with a new stage. A sample has every second one, from the first
// (0) or the second (1).
func eachOperation(
	t *testing.T, half int, versionings []store.Versioning, test func(t *testing.T, s *stage, run func(*store.Tx) error),
) {
	t.Parallel()
	for _, v := range versionings {
		pattern := newStage(t, filepath.Join(t.TempDir(), "pattern"+store.Extension), v)
		if err := pattern.db.Close(); err != nil {
			t.Fatal(err)
		}
		for i, name := range slices.Sorted(maps.Keys(pattern.operations())) {
			if i%2 != half && !testsize.All() {
				continue
			}
			t.Run(string(v)+"/"+name, func(t *testing.T) {
				s := pattern.copied(t)
				test(t, s, s.operations()[name])
			})
		}
	}
}

// TestAnOperationThatIsCutOffLeavesNothing ends the context at each question in turn. The function
// ignores the error, as functions do that continue with the next document.
func TestAnOperationThatIsCutOffLeavesNothing(t *testing.T) {
	eachSound := testsize.Pick(8, 1) // a full check costs more than a comparison of all rows
	eachOperation(t, 0, testsize.Pick(bothVersionings[1:], allVersionings), func(t *testing.T, s *stage, run func(*store.Tx) error) {
		before := dump(t, s.db)
		for n := 2; ; n++ { // question 1 decides whether the transaction begins
			ctx := &lateContext{Context: storetest.EndAt(background, n), s: s}
			var failed error
			if err := s.db.Update(ctx, func(tx *store.Tx) error { failed = run(tx); return nil }); err != nil {
				t.Fatalf("question %d: %v", n, err)
			}
			ctx.Close()
			after := dump(t, s.db)
			if failed == nil || n%eachSound == 0 {
				sound(t, s.db)
			}
			if failed == nil {
				if after == before {
					t.Errorf("the operation has changed nothing when it was not cut off")
				}
				return
			}
			if after != before || n > 1000 {
				t.Fatalf("cut off at question %d (%v):\n%s", n, failed, difference(before, after))
			}
		}
	})
}

// TestAnOperationThatFailsLeavesNothingAndTheOthersStand makes SQLite refuse each kind of statement in
// each table, while the same transaction does other things before and after.
func TestAnOperationThatFailsLeavesNothingAndTheOthersStand(t *testing.T) {
	eachOperation(t, 1, testsize.Pick(bothVersionings[:1], bothVersionings), func(t *testing.T, s *stage, run func(*store.Tx) error) {
		for _, what := range []string{
			"DELETE ON docs_1", "UPDATE ON docs_1", "INSERT ON kept_1", "UPDATE ON kept_1", "DELETE ON kept_1",
			"INSERT ON info", "DELETE ON pending_blobs", "INSERT ON conflict_log",
		} {
			s.fails(t, what, run)
			if t.Failed() {
				t.Fatalf("at %s", what)
			}
		}
	})
}

// fails runs an operation among others while SQLite refuses statements of one kind.
func (s *stage) fails(t *testing.T, what string, run func(*store.Tx) error) {
	t.Helper()
	before := dump(t, s.db)
	s.sql(t, `CREATE TRIGGER refuse AFTER `+what+` BEGIN SELECT RAISE(ABORT, 'refused'); END`)
	undo := errors.New("undo")
	var first, failed, second error
	var within string
	err := s.db.Update(background, func(tx *store.Tx) error {
		_, first = tx.Save(s.c, store.Edit{ID: "before it"})
		if failed = run(tx); failed == nil {
			return undo // the operation has no such statement
		}
		_, second = tx.Save(s.c, store.Edit{ID: "after it"})
		return nil
	})
	s.sql(t, `DROP TRIGGER refuse`)
	if errors.Is(err, undo) {
		return
	}
	if first != nil || second != nil || err != nil {
		t.Errorf("the others: got %v, %v, %v", first, second, err)
	}
	sound(t, s.db)
	for _, id := range []string{"before it", "after it"} {
		if get(t, s.db, s.c, id) == nil {
			t.Errorf("%q is not stored", id)
			continue
		}
		update(t, s.db, func(tx *store.Tx) error { return tx.Purge(s.c, id) })
	}
	within = dump(t, s.db)
	if without(before) != without(within) {
		t.Errorf("after %v:\n%s", failed, difference(without(before), without(within)))
	}
}

// TestATransactionThatSQLiteHasLostFails covers errors after which SQLite rolls everything back:
// the function's later writes must not be committed on their own.
func TestATransactionThatSQLiteHasLostFails(t *testing.T) {
	eachOperation(t, 0, testsize.Pick(bothVersionings[:1], bothVersionings), func(t *testing.T, s *stage, run func(*store.Tx) error) {
		before := dump(t, s.db)
		s.sql(t, `CREATE TRIGGER refuse AFTER UPDATE ON docs_1 BEGIN SELECT RAISE(ROLLBACK, 'refused'); END`)
		var failed, then error
		err := s.db.Update(background, func(tx *store.Tx) error {
			if failed = run(tx); failed == nil {
				return errors.New("undo")
			}
			_, then = tx.Save(s.c, store.Edit{ID: "after it"})
			return nil
		})
		s.sql(t, `DROP TRIGGER refuse`)
		if failed != nil && then == nil {
			t.Error("the transaction goes on")
		}
		if err == nil {
			t.Error("the transaction was committed")
		}
		if after := dump(t, s.db); after != before {
			t.Errorf("got:\n%s", difference(before, after))
		}
		save(t, s.db, s.c, "next", `{}`)
		sound(t, s.db)
	})
}

// TestEveryMethodIsAnOperationOrReads makes sure that the tests above cover every method.
func TestEveryMethodIsAnOperationOrReads(t *testing.T) {
	reads := []string{
		"All", "AppendChanges", "Bodies", "BodyOf", "BySequence", "Catalog", "Changes", "ChangesBefore", "Collection", "Collections", "CollectionsOf", "ConflictLog", "ConflictOf",
		"Conflicts", "Count", "CountSince", "Document", "Expect", "ExplainQuery", "Head", "Heads", "Index", "IndexState", "Indexes", "Info", "Infos", "KeptRevisions", "LeftOut",
		"LastSequence", "LazyVectors", "Local", "LocalCheckpoint", "NextConflict", "Now", "PeerCheckpoint", "Query", "QueryCount", "QueryExists", "QueryScanned",
		"RemoteURL", "Remotes", "Replanned", "Scan", "ScanSteps", "SchemaVersion", "WithBlob",
	}
	operations := make(map[string]bool)
	for _, v := range allVersionings {
		s := newStage(t, filepath.Join(t.TempDir(), string(v)+store.Extension), v)
		for name := range s.operations() {
			method, _, _ := strings.Cut(name, " ")
			operations[method] = true
		}
	}
	for m := range reflect.TypeFor[*store.Tx]().Methods() {
		if !operations[m.Name] && !slices.Contains(reads, m.Name) {
			t.Errorf("Tx.%s is not among the operations that the tests here cut off", m.Name)
		}
	}
}

func TestAPanicWithinAnOperationSpoilsTheTransaction(t *testing.T) {
	db := open(t, store.Options{})
	c := defaults(t, db)
	err := db.Update(background, func(tx *store.Tx) error {
		func() {
			defer func() { _ = recover() }()
			_, _ = tx.Save(nil, store.Edit{ID: "a"})
		}()
		_, err := tx.Save(c, store.Edit{ID: "b"})
		if err == nil {
			t.Error("the transaction goes on")
		}
		return nil
	})
	if !errors.Is(err, fault.Unexpected) {
		t.Errorf("got %v, want an unexpected error", err)
	}
	if get(t, db, c, "b") != nil {
		t.Error("it was committed")
	}
	sound(t, db)
}

// sql runs SQL on the file of the stage's database.
func (s *stage) sql(t testing.TB, sql string) { fileSQL(t, s.db, sql) }

func fileSQL(t testing.TB, db *store.DB, sql string) {
	t.Helper()
	c, err := sqlite3.Open(filepath.Join(db.Path(), "db.sqlite3"))
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(c.Exec(`PRAGMA busy_timeout=30000`), c.Exec(sql), c.Close()); err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
}

// dump returns the content of all tables except meta, one row per line.
func dump(t testing.TB, db *store.DB) string {
	t.Helper()
	c, err := sqlite3.Open(filepath.Join(db.Path(), "db.sqlite3"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var text strings.Builder
	for _, table := range append(strings.Fields("sqlite_schema collections docs_1 kept_1 info pending_blobs conflict_log remotes "+
		"peer_checkpoints local_checkpoints"), vectorTables(t, c)...) {
		columns, order := "*", "1, 2"
		if strings.HasSuffix(table, `waiting"`) {
			order = "1"
		}
		if table == "sqlite_schema" {
			columns = "name, sql" // and not where in the file it is
		}
		s, _, err := c.Prepare(`SELECT ` + columns + ` FROM ` + table + ` ORDER BY ` + order)
		if err != nil {
			t.Fatal(err)
		}
		for s.Step() {
			text.WriteString(table)
			for i := range s.ColumnCount() {
				text.WriteString(" | " + strings.ReplaceAll(s.ColumnText(i), "\n", " "))
			}
			text.WriteString("\n")
		}
		if err := errors.Join(s.Err(), s.Close()); err != nil {
			t.Fatal(err)
		}
	}
	return text.String()
}

// vectorTables returns the names of the tables of vector indexes, quoted.
func vectorTables(t testing.TB, c *sqlite3.Conn) (names []string) {
	t.Helper()
	s, _, err := c.Prepare(`SELECT name FROM sqlite_schema WHERE type = 'table' AND name LIKE 'vector%' ORDER BY 1`)
	if err != nil {
		t.Fatal(err)
	}
	for s.Step() {
		names = append(names, sqlite3.QuoteIdentifier(s.ColumnText(0)))
	}
	if err := errors.Join(s.Err(), s.Close()); err != nil {
		t.Fatal(err)
	}
	return names
}

// without leaves out of a dump the sequences that other documents have taken, and the version of the vectors, which they raise.
func without(dump string) string {
	lines := slices.DeleteFunc(strings.Split(dump, "\n"), func(line string) bool {
		return strings.HasPrefix(line, "collections") || strings.HasPrefix(line, "info | purged") ||
			strings.HasPrefix(line, `"vector_1_vectors state"`)
	})
	return strings.Join(lines, "\n")
}

// difference gives the lines that only one of two dumps has.
func difference(a, b string) string {
	var text strings.Builder
	list := func(sign string, in, notIn string) {
		known := strings.Split(notIn, "\n")
		for line := range strings.SplitSeq(in, "\n") {
			if !slices.Contains(known, line) {
				text.WriteString(sign + " " + line + "\n")
			}
		}
	}
	list("-", a, b)
	list("+", b, a)
	return text.String()
}
