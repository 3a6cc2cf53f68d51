package tandem_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
)

// setVector sets the vector of the only document of a lazy index that waits.
func setVector(t *testing.T, c *tandem.Collection, v []float32) {
	t.Helper()
	u, err := c.BeginVectorUpdate(t.Context(), "near", 10)
	check(t, err)
	if u.Count() != 1 {
		t.Fatalf("%d documents wait, want 1", u.Count())
	}
	u.SetVector(0, v)
	check(t, u.Finish(t.Context()))
}

// A live query gives its new result after a program has set vectors, through the same database or through
// another one that is open on the same folder.
func TestALiveQueryTellsOfLazyVectors(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lazy")
	db := openAt(t, path, tandem.Options{})
	c := defaultIn(t, db)
	check(t, c.CreateIndex(t.Context(), "near", tandem.VectorIndex{Expression: "name", Dimensions: 2, Lazy: true}))
	news := follow(t.Context(), t, query(t, db, "SELECT name FROM _ ORDER BY APPROX_VECTOR_DISTANCE(name, [0, 0]) LIMIT 5"))
	filtered := follow(t.Context(), t, query(t, db, "SELECT name FROM _ WHERE name > 'a' ORDER BY APPROX_VECTOR_DISTANCE(name, [0, 0]) LIMIT 5"))
	for _, some := range []<-chan []string{news, filtered} {
		wantRows(t, some)
	}
	save(t, c, "a", `{"name":"apple"}`)
	setVector(t, c, []float32{3, 4})
	for _, some := range []<-chan []string{news, filtered} {
		wantRows(t, some, `{"name":"apple"}`)
	}
	save(t, c, "b", `{"name":"banana"}`)
	setVector(t, defaultIn(t, openAt(t, path, tandem.Options{})), []float32{1, 0})
	for _, some := range []<-chan []string{news, filtered} {
		wantRows(t, some, `{"name":"banana"}`, `{"name":"apple"}`)
	}
}

// A live query tells at once what becomes of the index that it searches.
func TestALiveQueryFollowsItsIndex(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, tandem.Options{})
	c := defaultIn(t, db)
	save(t, c, "a", `{"text":"one word","v":[3,4]}`)
	for _, tt := range []struct {
		query       string
		first, then tandem.Index
		want        [2]string
		missing     string
	}{
		{
			query: "SELECT text FROM _ WHERE MATCH(it, 'words')",
			first: tandem.FullTextIndex{Expressions: []string{"text"}, Language: "en"}, then: tandem.FullTextIndex{Expressions: []string{"text"}},
			want: [2]string{`{"text":"one word"}`, ""}, missing: "no full-text index",
		},
		{
			query: "SELECT APPROX_VECTOR_DISTANCE(v, [0, 0]) AS d FROM _ ORDER BY d LIMIT 1",
			first: tandem.VectorIndex{Expression: "v", Dimensions: 2, Metric: tandem.EuclideanMetric}, then: tandem.VectorIndex{Expression: "v", Dimensions: 2},
			want: [2]string{`{"d":5.0}`, `{"d":25.0}`}, missing: "no vector index",
		},
	} {
		check(t, c.CreateIndex(t.Context(), "it", tt.first))
		news := follow(t.Context(), t, query(t, db, tt.query))
		wantRows(t, news, tt.want[0])
		check(t, c.DeleteIndex(t.Context(), "it"))
		if got := receive(t, "the error", news); len(got) != 1 || !strings.Contains(got[0], tt.missing) {
			t.Errorf("%s: after the index is gone: got %q, want %q", tt.query, got, tt.missing)
		}
		check(t, c.CreateIndex(t.Context(), "it", tt.then))
		for i := 0; ; i++ { // the building may be seen, too
			got := receive(t, "the result", news)
			if tt.want[1] == "" && len(got) == 0 || len(got) == 1 && got[0] == tt.want[1] {
				break
			}
			if i > 3 || len(got) != 1 || !strings.Contains(got[0], "not built yet") {
				t.Errorf("%s: with another index: got %q, want %q", tt.query, got, tt.want[1])
				break
			}
		}
		check(t, c.DeleteIndex(t.Context(), "it"))
	}
}
