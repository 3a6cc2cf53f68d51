package tandem_test

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

func TestEqualLiveQueriesRunOnce(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, tandem.Options{})
	c := defaultIn(t, db)
	save(t, c, "a", `{"n":1}`)
	const text = "SELECT n FROM _ WHERE n >= $least ORDER BY n"
	var all []<-chan []string
	for i := range 50 { // of equal queries, too
		least := any(tandem.Parameters{"least": 1})
		if i%2 == 0 {
			least = struct {
				Least int `json:"least"`
			}{1}
		}
		all = append(all, follow(t.Context(), t, query(t, db, text), least))
	}
	for _, news := range all {
		wantRows(t, news, `{"n":1}`)
	}
	other := follow(t.Context(), t, query(t, db, text), tandem.Parameters{"least": 2})
	wantRows(t, other)
	if runs := db.LiveStats().Runs; runs != 2 {
		t.Errorf("two different queries of 51 listeners: got %d runs, want 2", runs)
	}
	save(t, c, "b", `{"n":2}`)
	for _, news := range all {
		wantRows(t, news, `{"n":1}`, `{"n":2}`)
	}
	wantRows(t, other, `{"n":2}`)
	if runs := db.LiveStats().Runs; runs != 4 {
		t.Errorf("after a change: got %d runs, want 4", runs)
	}
}

// TestLiveQueriesOfOtherCollectionsAreOthers though their texts are equal.
func TestLiveQueriesOfOtherCollectionsAreOthers(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, tandem.Options{})
	for _, name := range []string{"one", "two"} {
		c, err := db.CreateCollection(t.Context(), "of", name)
		check(t, err)
		save(t, c, name, "{}")
		q, err := c.CreateQuery("SELECT META().id FROM _")
		check(t, err)
		wantRows(t, follow(t.Context(), t, q), fmt.Sprintf(`{"id":%q}`, name))
	}
	q := query(t, db, "SELECT META().id FROM of.one")
	few := tandem.WithQueryOptions(t.Context(), tandem.QueryOptions{MaxRows: 1})
	save(t, defaultInScope(t, db, "of", "one"), "more", "{}")
	if got := receive(t, "a result", follow(few, t, q)); !strings.Contains(got[0], "more than the 1 rows") {
		t.Errorf("a bound of one row: got %q", got)
	}
	wantRows(t, follow(t.Context(), t, q), `{"id":"one"}`, `{"id":"more"}`)
}

func defaultInScope(t *testing.T, db *tandem.Database, scope, name string) *tandem.Collection {
	c, err := db.Collection(t.Context(), scope, name)
	check(t, err)
	return c
}

func TestNewParametersGiveTheirResult(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, tandem.Options{})
	c := defaultIn(t, db)
	for n := range 3 {
		save(t, c, strconv.Itoa(n), fmt.Sprintf(`{"n":%d}`, n))
	}
	q := query(t, db, "SELECT n FROM _ WHERE n >= $least AND n <= $most ORDER BY n")
	check(t, q.SetParameters(tandem.Parameters{"least": 1, "most": 1}))
	news := follow(t.Context(), t, q)
	own := follow(t.Context(), t, q, tandem.Parameters{"most": 2})
	wantRows(t, news, `{"n":1}`)
	wantRows(t, own, `{"n":1}`, `{"n":2}`)
	wantError(t, "an unknown parameter", q.SetParameters(tandem.Parameters{"x": 1}), tandem.ErrInvalidParameter)
	check(t, q.SetParameters(tandem.Parameters{"least": 0, "most": 0}))
	wantRows(t, news, `{"n":0}`)
	wantRows(t, own, `{"n":0}`, `{"n":1}`, `{"n":2}`)
	check(t, q.SetParameters(tandem.Parameters{"least": -1, "most": 0}))
	wantRows(t, news, `{"n":0}`) // though it is alike
	check(t, c.Delete(t.Context(), read(t, c, "0")))
	wantRows(t, news)
}

func TestAListenerThatPanicsOrNeverReturnsHarmsNoOther(t *testing.T) {
	t.Parallel()
	var log safeLog
	db := newDatabase(t, tandem.Options{Logger: slog.New(slog.NewTextHandler(&log, nil))})
	c := defaultIn(t, db)
	q := query(t, db, "SELECT count(*) AS n FROM _")
	release, stuck := make(chan struct{}), make(chan struct{}, 10)
	calls := make(chan struct{}, 10)
	_, err := q.AddChangeListener(t.Context(), func(tandem.QueryChange) { calls <- struct{}{}; panic("oh no") })
	check(t, err)
	never, err := q.AddChangeListener(t.Context(), func(tandem.QueryChange) { stuck <- struct{}{}; <-release })
	check(t, err)
	receive(t, "a call that never returns", stuck)
	news := follow(t.Context(), t, q)
	for n := range 3 {
		wantRows(t, news, fmt.Sprintf(`{"n":%d}`, n))
		receive(t, "a call of the listener that panics", calls)
		save(t, c, strconv.Itoa(n), "{}")
	}
	never.Remove()
	close(release)
	if text := log.String(); !strings.Contains(text, "oh no") || !strings.Contains(text, "SELECT count(*)") {
		t.Errorf("the panic is not logged with the query: %s", text)
	}
}

// safeLog is a log that many goroutines write.
type safeLog struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *safeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *safeLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// TestACommitElsewhereReadsNoRows of the queries that do not read its collection, also if another process makes it.
func TestACommitElsewhereReadsNoRows(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, tandem.Options{})
	elsewhere, err := db.CreateCollection(t.Context(), "of", "others")
	check(t, err)
	here := follow(t.Context(), t, query(t, db, "SELECT META().id FROM _ LIMIT 100"))
	there := follow(t.Context(), t, query(t, db, "SELECT META().id FROM of.others LIMIT 100"))
	wantRows(t, here)
	wantRows(t, there)
	save(t, elsewhere, "a", "{}")
	wantRows(t, there, `{"id":"a"}`)
	if got := db.LiveStats(); got.Runs != 3 {
		t.Errorf("a commit in another collection: got %+v, want 3 runs", got)
	}
	other := openAt(t, db.Path(), tandem.Options{}) // as another process
	save(t, defaultInScope(t, other, "of", "others"), "b", "{}")
	wantRows(t, there, `{"id":"a"}`, `{"id":"b"}`)
	skipped := func() bool { return db.LiveStats().Skipped >= 1 }
	if !testsize.Eventually(testsize.Patience, skipped) {
		t.Errorf("a commit of another process in another collection: got %+v, want a skipped run", db.LiveStats())
	}
	save(t, defaultIn(t, other), "c", "{}")
	wantRows(t, here, `{"id":"c"}`)
	check(t, defaultIn(t, other).Purge(t.Context(), "c"))
	wantRows(t, here)
}
