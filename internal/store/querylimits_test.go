package store_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/store/queries"
	"github.com/tandemdb/tandem/internal/testsize"
)

// asker runs a query in a transaction.
type asker func(ctx context.Context, l store.QueryLimits, text string) (rows int, err error)

// askers returns what asks a database in a View, and in an Update that goes on after the error.
func askers(t testing.TB, db *store.DB) map[string]asker {
	in := func(run func(context.Context, func(*store.Tx) error) error) asker {
		return func(ctx context.Context, l store.QueryLimits, text string) (rows int, err error) {
			ran := run(context.Background(), func(tx *store.Tx) error {
				rows, err = asked(ctx, t, tx, l, text)
				return nil
			})
			return rows, errors.Join(err, ran)
		}
	}
	return map[string]asker{"View": in(db.View), "Update": in(db.Update)}
}

func asked(ctx context.Context, t testing.TB, tx *store.Tx, l store.QueryLimits, text string) (rows int, err error) {
	s, err := syntax.Parse(text)
	if err != nil {
		t.Error(err)
		return 0, err
	}
	catalog, err := tx.Catalog()
	if err != nil {
		return 0, err
	}
	q, err := plan.Of(s, catalog)
	if err != nil {
		t.Error(err)
		return 0, err
	}
	err = tx.Query(ctx, q, nil, l, func(*queries.Rows) error { rows++; return nil })
	return rows, err
}

// textual fills a database with n documents that have a text of some bytes, a multiple of 8.
func textual(t testing.TB, n, size int, o store.Options) *store.DB {
	t.Helper()
	db := open(t, o)
	c := defaults(t, db)
	source := rand.New(rand.NewPCG(1, 2))
	err := db.Update(background, func(tx *store.Tx) error {
		for i := range n {
			text := strings.Repeat(fmt.Sprintf("%08x", source.Uint32()), size/8)
			if _, err := tx.Save(c, store.Edit{ID: fmt.Sprint(i), Body: []byte(`{"n":` + fmt.Sprint(i) + `,"text":"` + text + `"}`)}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

const tight = 32 << 20 // bytes

// The rows that are sorted, grouped and compared are larger than the memory that they may take.
func TestSortingAndGroupingTakeLittleMemory(t *testing.T) {
	inFolders(t)
	t.Parallel()
	const n, size = 40, 24_000 // documents and their bytes; the queries join all with all
	pairs := n * n
	atRest(t, func(t *testing.T, o store.Options) {
		if o.Secret != nil {
			testsize.Whole(t)
		}
		t.Parallel()
		db := textual(t, n, size, o)
		for name, ask := range askers(t, db) {
			for i, tt := range []struct {
				text string
				want int
			}{
				{"SELECT a.text FROM _ AS a CROSS JOIN _ AS b ORDER BY concat(b.text, a.n) DESC", pairs},
				{"SELECT min(a.n), min(b.n), max(a.text) FROM _ AS a CROSS JOIN _ AS b GROUP BY concat(a.text, b.n)", pairs},
				{"SELECT count(DISTINCT concat(a.text, b.n)) FROM _ AS a CROSS JOIN _ AS b", 1},
			} {
				if name == "Update" && (o.Secret != nil || i > 0 && !testsize.All()) || i == 2 && !testsize.All() {
					continue
				}
				rows, err := ask(background, store.QueryLimits{Memory: tight, Temporary: 4 << 30}, tt.text)
				if err != nil || rows != tt.want {
					t.Errorf("%s: %s: got %d rows and %v, want %d", name, tt.text, rows, err, tt.want)
				}
			}
		}
	})
}

func TestAQueryStaysWithinItsLimits(t *testing.T) {
	inFolders(t)
	t.Parallel()
	const documents = 100
	db := textual(t, documents, 8000, store.Options{})
	const many = "_ AS a CROSS JOIN _ AS b CROSS JOIN _ AS c"
	large := "concat(" + strings.Repeat("a.text, ", 6000) + "a.text)" // 48 MB
	for name, ask := range askers(t, db) {
		for what, tt := range map[string]struct {
			limits store.QueryLimits
			time   time.Duration
			text   string
			hint   string
			want   error
		}{
			"temporary files": {
				store.QueryLimits{Memory: tight, Temporary: 10 << 20},
				time.Hour,
				"SELECT a.text FROM _ AS a CROSS JOIN _ AS b ORDER BY b.text", "MaxTemporary", fault.InvalidQuery,
			},
			"memory": {
				store.QueryLimits{Memory: tight, Temporary: 1 << 30},
				time.Hour,
				"SELECT " + large + " FROM _ AS a LIMIT 1", "MaxMemory", fault.InvalidQuery,
			},
			"a context, while it searches": {
				store.QueryLimits{Memory: tight, Temporary: 1 << 30},
				time.Millisecond,
				"SELECT a.n FROM " + many + " WHERE a.n + b.n + c.n < 0", "", context.DeadlineExceeded,
			},
			"a context, while it sorts": {
				store.QueryLimits{Memory: tight, Temporary: 1 << 40},
				time.Millisecond,
				"SELECT a.text FROM " + many + " ORDER BY b.text", "", context.DeadlineExceeded,
			},
		} {
			ctx, cancel := context.WithTimeout(background, tt.time)
			_, err := ask(ctx, tt.limits, tt.text)
			cancel()
			if !errors.Is(err, tt.want) || !strings.Contains(fault.HintOf(err), tt.hint) {
				t.Errorf("%s: %s: got %v (hint %q), want %v with a hint of %s", name, what, err, fault.HintOf(err), tt.want, tt.hint)
			}
			if rows, err := ask(background, store.QueryLimits{Memory: tight}, "SELECT n FROM _"); err != nil || rows != documents {
				t.Errorf("%s: after %s: got %d rows and %v, want %d", name, what, rows, err, documents)
			}
		}
	}
	save(t, db, defaults(t, db), "later", `{}`)
	if err := db.Compact(background); err != nil { // waits for readers that are left over
		t.Errorf("Compact: %v", err)
	}
}
