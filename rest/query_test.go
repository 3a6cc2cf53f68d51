package rest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/rest"
)

// withQueries serves a database with named queries, and hotels in shop.inv.hotel.
func withQueries(t testing.TB, change func(cfg *rest.Configuration)) *server {
	s := serve(t, func(cfg *rest.Configuration) {
		cfg.Databases[0].Queries = map[string]rest.NamedQuery{
			"best":  {Text: "SELECT name FROM _ WHERE stars >= $min ORDER BY name"},
			"named": {Text: "SELECT name FROM _ WHERE name = $name"},
			"wide":  {Text: "SELECT h.name FROM _ AS s JOIN inv.hotel AS h ON h.stars = s.stars", Grants: []string{"inv.hotel"}},
			"wrong": {Text: "SELECT name FORM _"},
		}
		if change != nil {
			change(cfg)
		}
	})
	hotels, err := s.shop.CreateCollection(t.Context(), "inv", "hotel")
	check(t, err)
	for i, name := range []string{"Adlon", "Berg", "Corso"} {
		check(t, hotels.Put(t.Context(), name, map[string]any{"name": name, "stars": 5 - i}))
	}
	check(t, s.coll.Put(t.Context(), "s", map[string]any{"stars": 5}))
	return s
}

func TestNamedQueriesRunWithParameters(t *testing.T) {
	s := withQueries(t, nil)
	const best = `[{"name":"Adlon"},{"name":"Berg"}]`
	s.want(s.do("GET /shop.inv.hotel/_query/best?min=4", ""), 200, best)
	s.want(s.do("POST /shop.inv.hotel/_query/best", `{"min":4}`), 200, best)
	s.want(s.do("GET /shop.inv.hotel/_query/named?name=Berg", ""), 200, `[{"name":"Berg"}]`)
	s.want(s.do("GET /shop.inv.hotel/_query/named?name=%22Berg%22", ""), 200, `[{"name":"Berg"}]`)
	s.want(s.do("GET /shop.inv.hotel/_query/named", ""), 200, `[]`) // a parameter without a value is missing
	lines := s.want(s.do("GET /shop.inv.hotel/_query/best?min=4", "", "Accept: application/x-ndjson"), 200, "")
	if lines.body != "{\"name\":\"Adlon\"}\n{\"name\":\"Berg\"}\n" || lines.header.Get("Content-Type") != "application/x-ndjson" {
		t.Errorf("lines are %s %q", lines.header.Get("Content-Type"), lines.body)
	}
	plan := s.want(s.do("GET /shop.inv.hotel/_query/best?explain=true&min=1", ""), 200, "")
	if !strings.Contains(plan.body, "SCAN") {
		t.Errorf("the plan is %s", plan.body)
	}
	if !strings.Contains(plan.body, `"rows_scanned":3`) {
		t.Errorf("the plan is %s", plan.body)
	}
	for request, status := range map[string]int{
		"GET /shop.inv.hotel/_query/none":                 403 + 1,
		"GET /shop.inv.hotel/_query/best?maximum=4":       400,
		"GET /shop.inv.hotel/_query/wrong":                400,
		"GET /shop.inv.hotel/_query/best?explain=perhaps": 400,
		"GET /other/_query/best":                          403, // which has none
		"GET /shop.none/_query/best":                      403,
	} {
		s.want(s.do(request, ""), status, "")
	}
	s.want(s.do("POST /shop.inv.hotel/_query/best", `[4]`), 400, "")
	s.want(s.do("POST /shop.inv.hotel/_query/best", `{"min":4}`, "Content-Type: text/plain"), 415, "")
}

func TestAdHocQueriesNeedPermission(t *testing.T) {
	const all = `{"query":"SELECT name FROM _ WHERE stars > $n","parameters":{"n":4}}`
	s := withQueries(t, nil)
	s.want(s.do("POST /shop.inv.hotel/_query", all), 403, "")
	s.want(s.do("POST /shop.inv.hotel/_query", all, "As: ann"), 200, `[{"name":"Adlon"}]`)
	s = withQueries(t, func(cfg *rest.Configuration) { cfg.Databases[0].AdHocQueries = true })
	s.want(s.do("POST /shop.inv.hotel/_query", all), 200, `[{"name":"Adlon"}]`)
	s.want(s.do("POST /shop.inv.hotel/_query", all, "As: eve"), 403, "")
	s.want(s.do("POST /shop.inv.hotel/_query", all, "As: "), 401, "")
	for _, body := range []string{
		``, `{`, `{}`, `{"query":""}`, `{"query":1}`, `{"query":"SELECT"}`, `{"query":"SELECT name FROM _","limit":1}`,
		`{"query":"SELECT name FROM _","parameters":[1]}`, `{"query":"SELECT name FROM missing"}`, `{"query":"DELETE FROM _"}`,
		`{"query":"SELECT name FROM _ WHERE n = $x","parameters":{"y":1}}`,
	} {
		if got := s.do("POST /shop.inv.hotel/_query", body); got.status != 400 {
			t.Errorf("%s: got %d %s, want 400", body, got.status, got.body)
		}
	}
}

func TestAQueryNeedsAccessToEveryCollectionThatItReads(t *testing.T) {
	s := withQueries(t, func(cfg *rest.Configuration) {
		cfg.Databases[0].AdHocQueries = true
		cfg.Users = usersWith(t, `{"bob":{"password":"BOB","access":{"shop":["read"]}}}`)
	})
	s.want(s.do("POST /shop/_query", `{"query":"SELECT stars FROM _"}`), 200, `[{"stars":5}]`)
	for _, text := range []string{
		"SELECT name FROM inv.hotel", "SELECT h.name FROM _ AS s JOIN inv.hotel AS h ON h.stars = s.stars",
		"SELECT name FROM inv.none",
	} {
		got := s.do("POST /shop/_query", `{"query":`+quote(text)+`}`)
		if got.status != 403 && !strings.Contains(text, "none") || got.status == 200 {
			t.Errorf("%s: got %d %s", text, got.status, got.body)
		}
	}
	s.want(s.do("POST /shop.inv.hotel/_query", `{"query":"SELECT 1 AS a FROM _"}`), 403, "")
	s.want(s.do("GET /shop/_query/wide", ""), 200, `[{"name":"Adlon"}]`) // which the configuration widens
	s.want(s.do("GET /shop.inv.hotel/_query/wide", ""), 403, "")
}

func TestLongResultsAreStreamedAndBounded(t *testing.T) {
	s := withQueries(t, func(cfg *rest.Configuration) { cfg.Databases[0].AdHocQueries = true })
	check(t, s.shop.InBatch(t.Context(), func(b *tandem.Batch) error {
		for i := range 400 {
			if err := b.Put(s.coll, fmt.Sprintf("n%04d", i), map[string]any{"n": i}); err != nil {
				return err
			}
		}
		return nil
	}))
	got := s.do("POST /shop/_query", `{"query":"SELECT a.n, b.n AS m FROM _ AS a JOIN _ AS b ON a.n < 100 AND b.n >= 0"}`)
	if rows := strings.Count(got.body, `{"n":`); got.status != 200 || rows != 40_000 {
		t.Errorf("%d with %d rows, want 40,000", got.status, rows)
	}
	// Too many rows: the first are on their way, so that only the connection can say it.
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.url+"/shop/_query",
		strings.NewReader(`{"query":"SELECT a.n, b.n AS m FROM _ AS a JOIN _ AS b ON a.n >= 0 AND b.n >= 0"}`))
	check(t, err)
	r.Header.Set("Content-Type", "application/json")
	r.SetBasicAuth("bob", "bob")
	answer, err := http.DefaultClient.Do(r)
	check(t, err)
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err == nil || answer.StatusCode != 200 || strings.HasSuffix(strings.TrimSpace(string(text)), "]") {
		t.Errorf("%d, %d bytes that end with %q, error %v: want an answer that breaks off",
			answer.StatusCode, len(text), text[max(0, len(text)-20):], err)
	}
}

func TestRowsComeWithTheirPlanOfOneRun(t *testing.T) {
	s := withQueries(t, func(cfg *rest.Configuration) { cfg.Databases[0].AdHocQueries = true })
	check(t, s.shop.InBatch(t.Context(), func(b *tandem.Batch) error {
		for i := range 3000 {
			if err := b.Put(s.coll, fmt.Sprintf("n%04d", i), map[string]any{"n": i, "text": strings.Repeat("x", 100)}); err != nil {
				return err
			}
		}
		return nil
	}))
	ask := func(query string) (got struct {
		Plan    string
		Scanned int `json:"rows_scanned"`
		Rows    []json.RawMessage
	},
	) {
		answer := s.want(s.do("POST /shop/_query?explain=rows", `{"query":`+quote(query)+`}`), 200, "")
		check(t, json.Unmarshal([]byte(answer.body), &got))
		return got
	}
	for query, want := range map[string][2]int{
		"SELECT text FROM _ WHERE n >= 0":                  {3000, 3001}, // more than one write, and one that was there before
		"SELECT n FROM _ WHERE n = 7":                      {1, 3001},
		"SELECT n FROM _ WHERE META().id = 'n0007'":        {1, 0},
		"SELECT n FROM _ WHERE META().id = 'none' LIMIT 1": {0, 0},
	} {
		if got := ask(query); len(got.Rows) != want[0] || got.Scanned != want[1] || !strings.Contains(got.Plan, "SELECT") {
			t.Errorf("%s: %d rows, %d scanned, plan %q; want %v", query, len(got.Rows), got.Scanned, got.Plan, want)
		}
	}
	s.want(s.do("POST /shop/_query?explain=rows", `{"query":"SELECT"}`), 400, "")
	s.want(s.do("POST /shop/_query?explain=perhaps", `{"query":"SELECT 1"}`), 400, "")
}

func TestQueriesAtOnceAreBounded(t *testing.T) {
	const endless = "SELECT COUNT(*) AS n FROM _ AS a JOIN _ AS b ON a.n >= 0 JOIN _ AS c ON b.n >= 0 JOIN _ AS d ON c.n + d.n = -1"
	s := withQueries(t, func(cfg *rest.Configuration) {
		cfg.Limits.QueryWait = time.Millisecond
		cfg.Databases[0].AdHocQueries = true
		cfg.Databases[0].Queries["endless"] = rest.NamedQuery{Text: endless}
	})
	check(t, s.shop.InBatch(t.Context(), func(b *tandem.Batch) error {
		for i := range 300 {
			if err := b.Put(s.coll, fmt.Sprintf("n%04d", i), map[string]any{"n": i}); err != nil {
				return err
			}
		}
		return nil
	}))
	end := s.runTwice("/shop/_query", `{"query":`+quote(endless)+`}`)
	s.want(s.do("POST /shop/_query", `{"query":"SELECT n FROM _ LIMIT 1"}`), 429, "")
	s.want(s.do("GET /_active_tasks", "", "As: ron"), 200, `[]`)
	s.want(s.do("GET /shop.inv.hotel/_query/best?min=4", ""), 200, "")
	end()
	eventually(t, "a free place", func() bool { return s.do("POST /shop/_query", `{"query":"SELECT n FROM _ LIMIT 1"}`).status == 200 })

	end = s.runTwice("/shop/_query/endless", `{}`)
	got := s.want(s.do("GET /shop.inv.hotel/_query/best?min=4", ""), 429, "")
	if got.header.Get("Retry-After") == "" {
		t.Error("the answer does not say when to come again")
	}
	s.want(s.do("POST /shop.inv.hotel/_query/best", `{"min":4}`), 429, "")
	if runtime.GOMAXPROCS(0) > 1 {
		s.want(s.do("GET /shop.inv.hotel/_query/best?min=4", "", "As: ron"), 200, "")
	}
	end()
	eventually(t, "a free place", func() bool { return s.do("GET /shop.inv.hotel/_query/best?min=4", "").status == 200 })
}

// runTwice runs a query twice at once for bob, until the end.
func (s *server) runTwice(path, body string) (end func()) {
	s.t.Helper()
	ctx, cancel := context.WithCancel(s.t.Context())
	done := make(chan struct{})
	for range 2 {
		go func() {
			defer func() { done <- struct{}{} }()
			r, _ := http.NewRequestWithContext(ctx, http.MethodPost, s.url+path, strings.NewReader(body))
			r.Header.Set("Content-Type", "application/json")
			r.SetBasicAuth("bob", "bob")
			if answer, err := http.DefaultClient.Do(r); err == nil {
				answer.Body.Close()
			}
		}()
	}
	eventually(s.t, "two queries", func() bool {
		return strings.Count(s.do("GET /_active_tasks", "").body, `"type":"query"`) == 2
	})
	return func() {
		cancel()
		<-done
		<-done
	}
}
