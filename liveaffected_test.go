package tandem_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

// watchedQueries read documents in many ways.
var watchedQueries = []string{
	"SELECT META().id, n FROM _ WHERE n > 2 ORDER BY n, META().id LIMIT 2",
	"SELECT META().id FROM _ WHERE n = 3 ORDER BY META().id LIMIT 2 OFFSET 1",
	"SELECT count(*) AS c, sum(n) AS s FROM _ WHERE kind = 'a'",
	"SELECT kind, count(*) AS c FROM _ WHERE n BETWEEN 1 AND 3 GROUP BY kind ORDER BY kind",
	"SELECT META().id FROM _ WHERE kind LIKE 'B%' OR n IS MISSING ORDER BY META().id",
	"SELECT META().id FROM _ WHERE ((kind = 'B') COLLATE NOCASE) ORDER BY META().id",
	"SELECT META().id FROM _ WHERE ANY t IN tags SATISFIES t = n END ORDER BY META().id",
	"SELECT META(d).id AS i, t FROM _ AS d UNNEST d.tags AS t WHERE t > 1 AND d.kind = 'a' ORDER BY i, t",
	"SELECT META().id FROM _ WHERE META().deleted AND META().id > '3' ORDER BY META().id",
	"SELECT META().id FROM _ WHERE META().expiration IS VALUED ORDER BY META().id",
	"SELECT META().id, META().sequence FROM _ WHERE META().id IN ['1', '2'] ORDER BY META().id",
	"SELECT DISTINCT kind FROM _ WHERE NOT (n = 1) ORDER BY kind",
	"SELECT META().id FROM _ WHERE MATCH(words, 'a OR B') AND n < 4 ORDER BY RANK(words) DESC, META().id",
	"SELECT META().id FROM _ WHERE n < 3 ORDER BY APPROX_VECTOR_DISTANCE(tags, [1, 2]), META().id",
	"SELECT META().id FROM _ WHERE $p = n ORDER BY META().id",
	"SELECT META().id FROM _ WHERE millis_to_str(n) < '1970-01-01T00:00:00.003' ORDER BY META().id",
	"SELECT max(n) AS m FROM _",
}

// TestAQueryThatAChangeDoesNotAffectHasTheSameResult whatever the change.
func TestAQueryThatAChangeDoesNotAffectHasTheSameResult(t *testing.T) {
	t.Parallel()
	spared := 0
	testsize.Check(t, func(rt *rapid.T) {
		db := newDatabase(t, tandem.Options{})
		c := defaultIn(t, db)
		check(t, c.CreateIndex(t.Context(), "words", tandem.FullTextIndex{Expressions: []string{"kind"}}))
		check(t, c.CreateIndex(t.Context(), "near", tandem.VectorIndex{Expression: "tags", Dimensions: 2}))
		watch, end := c.WatchChanges()
		defer end()
		var all []*tandem.Query
		results := make([]string, len(watchedQueries))
		for i, text := range watchedQueries {
			all = append(all, query(t, db, text))
			results[i] = resultOf(t, all[i])
		}
		check(t, all[14].SetParameters(tandem.Parameters{"p": 3}))
		results[14] = resultOf(t, all[14])
		for range rapid.IntRange(1, 12).Draw(rt, "changes") {
			drawChange(rt, t, c)
			affects := watch()
			for i, q := range all {
				now := resultOf(t, q)
				affected := affects(q)
				if now != results[i] && !affected {
					rt.Fatalf("%s: the result was\n%s\nand is\n%s\nand the change did not affect it", watchedQueries[i], results[i], now)
				}
				if !affected {
					spared++
				}
				results[i] = now
			}
		}
	})
	if spared < 100 {
		t.Errorf("only %d queries were spared", spared)
	}
}

func drawChange(rt *rapid.T, t *testing.T, c *tandem.Collection) {
	t.Helper()
	id := fmt.Sprint(rapid.IntRange(1, 6).Draw(rt, "id"))
	d, err := c.Document(t.Context(), id)
	switch kind := rapid.IntRange(0, 9).Draw(rt, "kind of change"); {
	case err == nil && kind == 0:
		check(t, c.Delete(t.Context(), d))
		return
	case err == nil && kind == 1:
		check(t, c.Purge(t.Context(), id))
		return
	case err == nil && kind == 2:
		check(t, c.SetExpiration(t.Context(), id, time.Now().Add(time.Hour)))
		return
	}
	body := map[string]any{}
	if rapid.IntRange(0, 4).Draw(rt, "with n") > 0 {
		body["n"] = rapid.IntRange(0, 5).Draw(rt, "n")
	}
	body["kind"] = rapid.SampledFrom([]string{"a", "b", "B", "c"}).Draw(rt, "kind")
	body["tags"] = rapid.SliceOfN(rapid.IntRange(0, 4), 0, 3).Draw(rt, "tags")
	check(t, c.Put(t.Context(), id, body))
}

func resultOf(t *testing.T, q *tandem.Query) string {
	t.Helper()
	rows, err := tandem.Collect[json.RawMessage](q.Execute(t.Context()))
	check(t, err)
	return fmt.Sprintf("%s", rows)
}
