package tandem_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

// follow returns the results of a live query as they come: the rows as JSON, or the error.
func follow(ctx context.Context, t *testing.T, q *tandem.Query, given ...any) <-chan []string {
	t.Helper()
	news := make(chan []string, 100)
	_, err := q.AddChangeListener(ctx, func(c tandem.QueryChange) { news <- rowsOf(t, c) }, given...)
	check(t, err)
	return news
}

func rowsOf(t testing.TB, c tandem.QueryChange) []string {
	if c.Err != nil {
		return []string{c.Err.Error()}
	}
	rows := []string{}
	for row, err := range c.Results.All() {
		if err != nil {
			t.Error(err)
		}
		rows = append(rows, string(row.JSON()))
	}
	return rows
}

func wantRows(t *testing.T, news <-chan []string, want ...string) {
	t.Helper()
	if got := receive(t, "a result", news); !slices.Equal(got, want) {
		t.Errorf("got the result %q, want %q", got, want)
	}
}

func TestALiveQueryTellsOfEachResultThatDiffers(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, tandem.Options{})
	c := defaultIn(t, db)
	news := follow(t.Context(), t, query(t, db, "SELECT n FROM _ WHERE n > $least ORDER BY n"), tandem.Parameters{"least": 1})
	wantRows(t, news) // the first one, without rows
	save(t, c, "a", `{"n":5}`)
	wantRows(t, news, `{"n":5}`)
	beacon := follow(t.Context(), t, query(t, db, "SELECT max(META().sequence) AS last FROM _"))
	receive(t, "the first sequence", beacon)
	for i := range 3 { // the same result, in runs of their own
		save(t, c, "a", fmt.Sprintf(`{"n":5,"other":%d}`, i))
		receive(t, "another sequence", beacon)
	}
	save(t, c, "c", `{"n":3}`)
	wantRows(t, news, `{"n":3}`, `{"n":5}`)
	check(t, c.Purge(t.Context(), "c"))
	wantRows(t, news, `{"n":5}`)
	other := openAt(t, db.Path(), tandem.Options{}) // as another process
	save(t, defaultIn(t, other), "d", `{"n":9}`)
	wantRows(t, news, `{"n":5}`, `{"n":9}`)
	if more := len(news); more > 0 {
		t.Errorf("got %d results more, want none", more)
	}
}

// Two queries of one text are one only if their parameters and collections are the same, however these are
// written one after another.
func TestLiveQueriesThatLookAlikeAreNotOne(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, tandem.Options{})
	c := defaultIn(t, db)
	other, err := db.CreateCollection(t.Context(), "a", "b")
	check(t, err)
	save(t, c, "a", `{"n":15}`)
	save(t, c, "b", `{"n":5}`)
	save(t, other, "c", `{"n":15}`)
	text := "SELECT n FROM _ WHERE n = $p OR n = $p1"
	one := follow(t.Context(), t, query(t, db, text), tandem.Parameters{"p": 15})
	two := follow(t.Context(), t, query(t, db, text), tandem.Parameters{"p1": 5})
	wantRows(t, one, `{"n":15}`)
	wantRows(t, two, `{"n":5}`)

	text = "SELECT x.n FROM _default z JOIN a.b y ON y.n = 15 JOIN _ x ON x.n = 5 WHERE z.n = 5"
	q, err := other.CreateQuery(text)
	check(t, err)
	wantRows(t, follow(t.Context(), t, query(t, db, text)), `{"n":5}`)
	wantRows(t, follow(t.Context(), t, q))
}

func TestALiveQueryRunsForTheCollectionsThatItReads(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, tandem.Options{})
	one, err := db.CreateCollection(t.Context(), "of", "one")
	check(t, err)
	two, err := db.CreateCollection(t.Context(), "of", "two")
	check(t, err)
	news := follow(t.Context(), t, query(t, db, "SELECT a.n, b.n AS m FROM of.one AS a JOIN of.two AS b ON a.n < b.n"))
	wantRows(t, news)
	save(t, one, "x", `{"n":1}`)
	save(t, two, "y", `{"n":2}`)
	wantRows(t, news, `{"n":1,"m":2}`)
	check(t, db.DeleteCollection(t.Context(), "of", "two"))
	if got := receive(t, "an error", news); len(got) != 1 || !strings.Contains(got[0], "there is no such collection") {
		t.Errorf("its collection is deleted: got %q, want an error", got)
	}
}

// TestALiveQueryEndsWithItsCollection also where another one has its name at once.
func TestALiveQueryEndsWithItsCollection(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, tandem.Options{})
	_, err := db.CreateCollection(t.Context(), "of", "one")
	check(t, err)
	news := follow(t.Context(), t, query(t, db, "SELECT n FROM of.one"))
	wantRows(t, news)
	check(t, db.DeleteCollection(t.Context(), "of", "one"))
	anew, err := db.CreateCollection(t.Context(), "of", "one") // within the pause between two runs, mostly
	check(t, err)
	save(t, anew, "x", `{"n":1}`)
	got := strings.Join(receive(t, "an error", news), ", ")
	if !strings.Contains(got, "the collection was deleted") && !strings.Contains(got, "there is no such collection") {
		t.Errorf("its collection is another one: got %q, want an error", got)
	}
}

func TestALiveQueryTellsOfExpirations(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, tandem.Options{})
	c := defaultIn(t, db)
	save(t, c, "a", "{}")
	news := follow(t.Context(), t, query(t, db, "SELECT META().id, META().expiration FROM _"))
	wantRows(t, news, `{"id":"a"}`)
	at := time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)
	check(t, c.SetExpiration(t.Context(), "a", at))
	wantRows(t, news, fmt.Sprintf(`{"id":"a","expiration":%d}`, at.UnixMilli()))
	check(t, c.SetExpiration(t.Context(), "a", time.Time{}))
	wantRows(t, news, `{"id":"a"}`)
	check(t, c.SetExpiration(t.Context(), "a", time.Now().Add(-time.Hour)))
	wantRows(t, news)
}

func TestALiveQueryTellsOfErrors(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, tandem.Options{})
	c := defaultIn(t, db)
	q := query(t, db, "SELECT regexp_like(p, p) AS ok FROM _")
	news := follow(t.Context(), t, q)
	wantRows(t, news)
	save(t, c, "a", `{"p":"("}`)
	if got := receive(t, "an error", news); len(got) != 1 || !strings.Contains(got[0], "regular expression") {
		t.Errorf("got %q, want an error", got)
	}
	save(t, c, "a", `{"p":"x"}`)
	wantRows(t, news, `{"ok":true}`)
	_, err := q.AddChangeListener(t.Context(), nil)
	wantError(t, "no function", err, tandem.ErrInvalid)
	_, err = q.AddChangeListener(t.Context(), func(tandem.QueryChange) {}, tandem.Parameters{"x": 1})
	wantError(t, "an unknown parameter", err, tandem.ErrInvalidParameter)
	everywhere(t, db, func(t *testing.T, ctx context.Context) {
		for change := range q.Changes(ctx) {
			if inside := strings.Contains(t.Name(), "/in_"); inside != errors.Is(change.Err, tandem.ErrInvalid) {
				t.Errorf("got %v, want an error in a batch or View", change.Err)
			}
			break
		}
	})
}

func TestChangesOfAQueryEnd(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, tandem.Options{})
	c := defaultIn(t, db)
	q := query(t, db, "SELECT count(*) AS n FROM _")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	for change := range q.Changes(ctx) {
		check(t, change.Err)
		save(t, c, strings.Repeat("x", n+1), "{}")
		if n++; n == 3 {
			cancel()
		}
	}
	if n != 3 {
		t.Errorf("got %d results before the context has ended, want 3", n)
	}
	for range q.Changes(ctx) {
		t.Error("a context that has ended: got a result")
	}
	ended := make(chan bool)
	token, err := q.AddChangeListener(t.Context(), func(tandem.QueryChange) { ended <- true })
	check(t, err)
	receive(t, "the first result", ended)
	go func() {
		for range q.Changes(t.Context()) {
			ended <- false
		}
		ended <- true
	}()
	receive(t, "the first result", ended)
	check(t, db.Close())
	token.Remove()
	if !receive(t, "the end", ended) {
		t.Error("the database is closed: got a result")
	}
	for change := range q.Changes(t.Context()) {
		wantError(t, "a closed database", change.Err, tandem.ErrNotOpen)
	}
}

// TestWhoeverFollowsADatabaseLeavesItAtTheEnd also if it fails at the start.
func TestWhoeverFollowsADatabaseLeavesItAtTheEnd(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, tandem.Options{})
	c := defaultIn(t, db)
	q := query(t, db, "SELECT count(*) AS n FROM _")
	over, cancel := context.WithCancel(t.Context())
	cancel()
	ignore := func(tandem.QueryChange) {}
	for name, follow := range map[string]func() (*tandem.ListenerToken, error){
		"a query, and its context has ended": func() (*tandem.ListenerToken, error) { return q.AddChangeListener(over, ignore) },
		"a query, with an unknown parameter": func() (*tandem.ListenerToken, error) {
			return q.AddChangeListener(t.Context(), ignore, tandem.Parameters{"x": 1})
		},
		"a query": func() (*tandem.ListenerToken, error) { return q.AddChangeListener(t.Context(), ignore) },
		"a collection": func() (*tandem.ListenerToken, error) {
			return c.AddChangeListener(t.Context(), func(tandem.CollectionChange) {})
		},
		"a collection, and its context has ended": func() (*tandem.ListenerToken, error) {
			return c.AddChangeListener(over, func(tandem.CollectionChange) {})
		},
		"results of a query": func() (*tandem.ListenerToken, error) {
			for range q.Changes(t.Context()) {
				break
			}
			return nil, nil
		},
		"results of a query whose context has ended": func() (*tandem.ListenerToken, error) {
			for range q.Changes(over) {
				break
			}
			return nil, nil
		},
	} {
		token, err := follow()
		switch fails := strings.Contains(name, ","); {
		case fails != (err != nil):
			t.Errorf("%s: got %v, want an error: %t", name, err, fails)
		case token != nil:
			token.Remove()
		}
		if !testsize.Eventually(testsize.Patience, func() bool { return db.Subscriptions() == 0 }) {
			t.Errorf("%s: %d subscriptions are left, want none", name, db.Subscriptions())
		}
	}
}
