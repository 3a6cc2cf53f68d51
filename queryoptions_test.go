package tandem_test

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

// failure returns the error with which a result ends, and how many rows come before.
func failure(rows *tandem.ResultSet, err error) (int, error) {
	if err != nil {
		return 0, err
	}
	n := 0
	for _, err := range rows.All() {
		if err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}

// everywhere runs a test with contexts of no transaction, a View and a batch.
func everywhere(t *testing.T, db *tandem.Database, test func(t *testing.T, ctx context.Context)) {
	t.Helper()
	t.Run("alone", func(t *testing.T) { test(t, t.Context()) })
	t.Run("in a View", func(t *testing.T) {
		check(t, db.View(t.Context(), func(ctx context.Context) error { test(t, ctx); return nil }))
	})
	t.Run("in a batch", func(t *testing.T) {
		check(t, db.InBatch(t.Context(), func(b *tandem.Batch) error { test(t, b.Context()); return nil }))
	})
}

func TestQueriesAreBounded(t *testing.T) {
	t.Parallel()
	db := large(t)
	for name, tt := range map[string]struct {
		text    string
		options tandem.QueryOptions
		hint    string
		before  int // rows, -1 for any
	}{
		"rows":                 {"SELECT META().id FROM _", tandem.QueryOptions{MaxRows: 10}, "LIMIT", -1},
		"time, while it reads": {"SELECT count(*) FROM _ AS a CROSS JOIN _ AS b CROSS JOIN _ AS c CROSS JOIN _ AS d", tandem.QueryOptions{Timeout: time.Millisecond}, "Explain", 0},
		"memory":               {"SELECT a.text FROM _ AS a CROSS JOIN _ AS b LIMIT 700", tandem.QueryOptions{MaxMemory: 32 << 20}, "MaxMemory", 0},
		"temporary files":      {"SELECT a.text FROM _ AS a CROSS JOIN _ AS b ORDER BY b.text", tandem.QueryOptions{MaxTemporary: 1 << 20}, "index", 0},
		"a negative bound":     {"SELECT META().id FROM _", tandem.QueryOptions{MaxRows: -1}, "0", 0},
	} {
		t.Run(name, func(t *testing.T) {
			q := query(t, db, tt.text)
			everywhere(t, db, func(t *testing.T, ctx context.Context) {
				if alone := !strings.Contains(t.Name(), "/in_"); alone && name == "memory" {
					return // rows are taken as they come
				}
				n, err := failure(q.Execute(tandem.WithQueryOptions(ctx, tt.options)))
				var invalid *tandem.QueryError
				if name != "a negative bound" && !errors.As(err, &invalid) || !strings.Contains(tandem.HintOf(err), tt.hint) {
					t.Errorf("got %v with the hint %q, want a *QueryError with a hint of %q", err, tandem.HintOf(err), tt.hint)
				}
				if tt.before >= 0 && n != tt.before {
					t.Errorf("got %d rows before the error, want %d", n, tt.before)
				}
				if n, err := failure(query(t, db, "SELECT META().id FROM _ LIMIT 5").Execute(ctx)); n != 5 || err != nil {
					t.Errorf("another query: got %d rows and %v, want 5", n, err)
				}
			})
		})
	}
}

// What a context does not set is as the database has it.
func TestTheOptionsOfADatabaseHoldForItsQueries(t *testing.T) {
	t.Parallel()
	_, err := tandem.Open(t.Context(), t.TempDir()+"/x", tandem.Options{Queries: tandem.QueryOptions{Timeout: -1}})
	wantError(t, "a negative bound", err, tandem.ErrInvalid)
	db := newDatabase(t, tandem.Options{Queries: tandem.QueryOptions{MaxRows: 1}})
	c := defaultIn(t, db)
	save(t, c, "a", `{}`)
	save(t, c, "b", `{}`)
	q := query(t, db, "SELECT META().id FROM _")
	_, err = failure(q.Execute(t.Context()))
	wantError(t, "two rows", err, tandem.ErrInvalidQuery)
	hour := tandem.WithQueryOptions(t.Context(), tandem.QueryOptions{Timeout: time.Hour})
	_, err = failure(q.Execute(hour))
	wantError(t, "with a time", err, tandem.ErrInvalidQuery)
	n, err := failure(q.Execute(tandem.WithQueryOptions(hour, tandem.QueryOptions{MaxRows: 2})))
	if n != 2 || err != nil {
		t.Errorf("with 2 rows: got %d and %v", n, err)
	}
}

// inBubble runs a test in a time of its own with a database whose documents have 6 MiB. The database is read-only,
// as others wait for the operating system.
func inBubble(t *testing.T, test func(t *testing.T, db *tandem.Database)) (warned string) {
	var log logbook
	copied := filepath.Join(t.TempDir(), "copy")
	check(t, large(t).Copy(t.Context(), copied))
	testsize.Bubble(t, func(t *testing.T) {
		db, err := tandem.Open(t.Context(), copied, tandem.Options{ReadOnly: true, Logger: log.logger()})
		check(t, err)
		test(t, db)
		check(t, db.Close())
	})
	return log.String()
}

func TestAResultThatStaysOpenIsWarnedOf(t *testing.T) {
	t.Parallel()
	warned := inBubble(t, func(t *testing.T, db *tandem.Database) {
		rows := executed(t)(query(t, db, "SELECT text FROM _").Execute(t.Context()))
		time.Sleep(31 * time.Second)
		synctest.Wait()
		length(t, rows)
		rows = executed(t)(query(t, db, "SELECT text FROM _ LIMIT 90").Execute(t.Context()))
		time.Sleep(29 * time.Second)
		rows.Close()
		time.Sleep(time.Hour)
	})
	if !strings.Contains(warned, "still open") || !strings.Contains(warned, "SELECT text FROM _") || strings.Count(warned, "\n") != 1 {
		t.Errorf("got the log %q, want one warning, with the query that was open for 31 s", warned)
	}
}

// A query that has ended is not warned of, whenever its rows are taken.
func TestASmallResultHoldsNothing(t *testing.T) {
	t.Parallel()
	warned := inBubble(t, func(t *testing.T, db *tandem.Database) {
		rows := executed(t)(query(t, db, "SELECT META().id FROM _").Execute(t.Context()))
		time.Sleep(time.Hour)
		if got := length(t, rows); got != 96 {
			t.Errorf("got %d rows, want 96", got)
		}
	})
	if warned != "" {
		t.Errorf("got the log\n%s", warned)
	}
}

func TestSlowQueriesAreLogged(t *testing.T) {
	t.Parallel()
	var logged logbook
	db := newDatabase(t, tandem.Options{SlowQuery: 1, Logger: logged.logger()})
	fillLarge(t, db)
	for _, tt := range []struct{ text, want string }{
		{"SELECT META().id FROM _ WHERE `a b`.c[0] = 'secret' AND text > $p", "among `a b`.c[0], text"},
		{"SELECT META().id FROM _ WHERE META().sequence > 0 ORDER BY text", "has the order"},
		{"SELECT META().id FROM _ WHERE META().id = '1'", ""},
	} {
		logged.text.Reset()
		length(t, executed(t)(query(t, db, tt.text).Execute(t.Context(), tandem.Parameters{})))
		got := logged.String()
		if !strings.Contains(got, "slow query") || !strings.Contains(got, "took=") || !strings.Contains(got, "rows=") {
			t.Errorf("%s: got the log %q, want the query, how long it took, and its rows", tt.text, got)
		}
		if strings.Contains(got, "hint=") != (tt.want != "") || !strings.Contains(got, tt.want) {
			t.Errorf("%s: got the log %q, want a hint of %q", tt.text, got, tt.want)
		}
	}
	quiet := newDatabase(t, tandem.Options{SlowQuery: -1, Logger: logged.logger()})
	logged.text.Reset()
	length(t, executed(t)(query(t, quiet, "SELECT META().id FROM _").Execute(t.Context())))
	if got := logged.String(); got != "" {
		t.Errorf("a log that is off: got %q", got)
	}
}

// Small results give their connection back, so that loops may stand in each other.
func TestLoopsOverResultsStandInEachOther(t *testing.T) {
	t.Parallel()
	db := fruits(t)
	var deep func(depth int) int
	deep = func(depth int) int {
		for row, err := range db.Query(t.Context(), "SELECT name FROM _ WHERE price > 1") {
			check(t, err)
			if depth < 100 && row.ValueAt(0) == "apple" {
				return deep(depth + 1)
			}
			return depth
		}
		return -1
	}
	if got := deep(1); got != 100 {
		t.Errorf("got %d loops in each other, want 100", got)
	}
}
