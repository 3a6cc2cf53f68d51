package tandem_test

import (
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/tandemdb/tandem"
)

const nearOrigin = "SELECT name FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v, $t) LIMIT 10"

func TestAVectorIndexFollowsItsDocuments(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "measured")
	db := openAt(t, path, tandem.Options{})
	c := defaultIn(t, db)
	other := openAt(t, path, tandem.Options{}) // knows of the index only by the file
	save(t, c, "a", `{"name":"far","v":[9,1]}`)
	check(t, c.CreateIndex(t.Context(), "near", tandem.VectorIndex{Expression: "v", Dimensions: 2, Metric: tandem.EuclideanMetric}))
	save(t, defaultIn(t, other), "b", `{"name":"close","v":[1,1]}`)
	edited := save(t, c, "c", `{"name":"edited","v":[0,0]}`)
	check(t, edited.SetBody([]byte(`{"name":"edited"}`)))
	check(t, c.Save(t.Context(), edited))
	gone := save(t, c, "d", `{"name":"gone","v":[0,0]}`)
	check(t, c.Delete(t.Context(), gone))
	passing := save(t, c, "e", `{"name":"past","v":[0,0]}`)
	check(t, c.SetExpiration(t.Context(), passing.ID(), time.Now().Add(-time.Second)))
	look := func(what string, db *tandem.Database) {
		t.Helper()
		var got []string
		for row, err := range db.Query(t.Context(), nearOrigin, tandem.Parameters{"t": []int{0, 0}}) {
			check(t, err)
			got = append(got, fmt.Sprint(row.ValueAt(0)))
		}
		if want := []string{"close", "far"}; !cmp.Equal(got, want) {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	throughItsLife(t, db, other, look)
}

func TestAPulledDocumentIsMeasured(t *testing.T) {
	t.Parallel()
	from, to := newDatabase(t, tandem.Options{}), newDatabase(t, tandem.Options{})
	check(t, defaultIn(t, to).CreateIndex(t.Context(), "near", tandem.VectorIndex{Expression: "v", Dimensions: 2}))
	save(t, defaultIn(t, from), "a", `{"v":[1,2]}`)
	endWith(t, localReplicator(t, defaultIn(t, to), defaultIn(t, from)), nil)
	if got := names(t, to, "SELECT META().id FROM _ ORDER BY APPROX_VECTOR_DISTANCE(v, [0, 0]) LIMIT 1"); !cmp.Equal(got, []string{"a"}) {
		t.Errorf("got %q, want the pulled document", got)
	}
}

// A query tells what is wrong with its target when it runs, and a live one delivers it.
func TestAWrongTargetIsAQueryError(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, tandem.Options{})
	check(t, defaultIn(t, db).CreateIndex(t.Context(), "near", tandem.VectorIndex{Expression: "v", Dimensions: 2}))
	q := query(t, db, nearOrigin)
	packed := func(v ...float32) string {
		var b []byte
		for _, f := range v {
			b = binary.LittleEndian.AppendUint32(b, math.Float32bits(f))
		}
		return base64.StdEncoding.EncodeToString(b)
	}
	for _, tt := range []struct {
		target any
		want   string
	}{
		{[]int{1}, "has 1 numbers"},
		{[]int{1, 2, 3}, "more than 2"},
		{"not base64!", "no base64"},
		{packed(1, float32(math.NaN())), "not finite"},
		{packed(1), "has 1 numbers"},
		{map[string]int{"a": 1}, "neither"},
		{nil, "neither"},
		{[]any{1, "2"}, "item 1"},
	} {
		_, err := q.Execute(t.Context(), tandem.Parameters{"t": tt.target})
		var wrong *tandem.QueryError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%v: got %v, want a QueryError with %q", tt.target, err, tt.want)
		}
	}
	if _, err := q.Execute(t.Context()); err == nil || !strings.Contains(err.Error(), "it is missing, as a parameter") {
		t.Errorf("without a target: got %v, want that it is missing", err)
	}
	if _, err := q.Execute(t.Context(), tandem.Parameters{"t": packed(1, 2)}); err != nil {
		t.Errorf("a target in base64: got %v", err)
	}
	check(t, q.SetParameters(tandem.Parameters{"t": []int{1}}))
	for change := range q.Changes(t.Context()) {
		if !errors.Is(change.Err, tandem.ErrInvalidQuery) {
			t.Errorf("the live query: got %v, want %v", change.Err, tandem.ErrInvalidQuery)
		}
		break
	}
}

func TestAnIndexTellsHowItMeasures(t *testing.T) {
	t.Parallel()
	c := defaultIn(t, newDatabase(t, tandem.Options{}))
	want := tandem.VectorIndex{
		Expression: "a.v", Dimensions: 3, Metric: tandem.CosineMetric, Centroids: 10, Probes: 3, MinTraining: 100, MaxTraining: 200, Where: "n > 1",
	}
	check(t, c.CreateIndex(t.Context(), "near", want))
	all, err := c.Indexes(t.Context())
	check(t, err)
	if len(all) != 1 || !cmp.Equal(all[0].Vector, &want) || all[0].Where != want.Where {
		t.Errorf("got %+v, want %+v", all[0].Vector, want)
	}
	for _, bad := range []tandem.VectorIndex{
		{Expression: "v", Dimensions: 1}, {Expression: "v", Dimensions: 5000}, {Expression: "v", Dimensions: 2, Metric: "manhattan"}, {Expression: "v", Dimensions: 2, Probes: 1},
	} {
		if err := c.CreateIndex(t.Context(), "bad", bad); !errors.Is(err, tandem.ErrInvalid) {
			t.Errorf("%+v: got %v, want %v", bad, err, tandem.ErrInvalid)
		}
	}
	if err := c.CreateIndex(t.Context(), "bad", tandem.VectorIndex{Dimensions: 2}); !errors.Is(err, tandem.ErrInvalidQuery) {
		t.Errorf("without an expression: got %v, want %v", err, tandem.ErrInvalidQuery)
	}
}

// A compiled query measures what it says, by whatever index there is when it runs.
func TestACompiledQueryOutlivesItsVectorIndex(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, tandem.Options{})
	c := defaultIn(t, db)
	save(t, c, "a", `{"v":[0,2],"w":[5,0]}`)
	create := func(name, expression string, m tandem.VectorMetric) {
		check(t, c.CreateIndex(t.Context(), name, tandem.VectorIndex{Expression: expression, Dimensions: 2, Metric: m}))
	}
	create("near", "v", tandem.CosineMetric)
	q, err := db.CreateQuery("SELECT APPROX_VECTOR_DISTANCE(v, [1, 0], 'COSINE') AS d FROM _ ORDER BY d LIMIT 3")
	check(t, err)
	run := func() (all []string, err error) {
		rows, err := q.Execute(t.Context())
		if err != nil {
			return nil, err
		}
		for row, err := range rows.All() {
			if err != nil {
				return nil, err
			}
			all = append(all, string(row.JSON()))
		}
		return all, nil
	}
	works := func() {
		t.Helper()
		if got, err := run(); err != nil || !cmp.Equal(got, []string{`{"d":1.0}`}) {
			t.Errorf("got %q, %v", got, err)
		}
	}
	fails := func() {
		t.Helper()
		if got, err := run(); !errors.Is(err, tandem.ErrInvalidQuery) {
			t.Errorf("got %q, %v, want %v", got, err, tandem.ErrInvalidQuery)
		}
	}
	works()
	create("near", "v", tandem.DotMetric)
	fails()
	create("near", "w", tandem.CosineMetric)
	fails()
	create("other", "v", tandem.CosineMetric)
	works()
}

// embed makes a vector out of a text.
func embed(t *testing.T, text json.RawMessage) []float32 {
	t.Helper()
	var s string
	check(t, json.Unmarshal(text, &s))
	return []float32{float32(len(s)), 0}
}

func TestAProgramSetsTheVectorsOfALazyIndex(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, tandem.Options{})
	c := defaultIn(t, db)
	save(t, c, "a", `{"name":"pear"}`)
	save(t, c, "none", `{}`)
	check(t, c.CreateIndex(t.Context(), "near", tandem.VectorIndex{Expression: "name", Dimensions: 2, Lazy: true}))
	save(t, c, "b", `{"name":"banana"}`)
	save(t, c, "c", `{"name":"no vector"}`)
	begin := func(want ...string) *tandem.VectorUpdate {
		t.Helper()
		u, err := c.BeginVectorUpdate(t.Context(), "near", 10)
		check(t, err)
		var got []string
		for i := range u.Count() {
			got = append(got, u.ID(i))
		}
		if !cmp.Equal(got, want) {
			t.Errorf("got %q to be updated, want %q", got, want)
		}
		return u
	}
	look := func(want ...string) {
		t.Helper()
		got := names(t, db, "SELECT META().id FROM _ ORDER BY APPROX_VECTOR_DISTANCE(name, [0, 0]) LIMIT 10")
		if !cmp.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
		problems, err := db.Check(t.Context())
		check(t, err)
		for _, p := range problems {
			t.Errorf("check: %v", p)
		}
	}
	look()
	u := begin("a", "b", "c")
	u.SetVector(0, embed(t, u.Value(0)))
	u.SetVector(1, embed(t, u.Value(1)))
	u.SkipVector(1)
	u.SetVector(2, nil)
	check(t, u.Finish(t.Context()))
	look("a")

	u = begin("b")
	u.SetVector(0, embed(t, u.Value(0)))
	changed, err := c.Document(t.Context(), "b")
	check(t, err)
	check(t, changed.SetBody([]byte(`{"name":"bananas"}`)))
	check(t, c.Save(t.Context(), changed))
	check(t, u.Finish(t.Context())) // the value has changed meanwhile
	look("a")
	u = begin("b")
	u.SetVector(0, embed(t, u.Value(0)))
	check(t, u.Finish(t.Context()))
	look("a", "b")

	check(t, changed.SetBody([]byte(`{"name":"bananas","price":2}`)))
	check(t, c.Save(t.Context(), changed))
	begin() // the value is the same
	look("a", "b")
	check(t, changed.SetBody([]byte(`{"price":2}`)))
	check(t, c.Save(t.Context(), changed))
	begin()
	look("a")

	save(t, c, "d", `{"name":"cherry"}`)
	for _, bad := range [][]float32{{1}, {1, 2, 3}, {}, {1, float32(math.NaN())}} {
		u := begin("d")
		u.SetVector(0, bad)
		if err := u.Finish(t.Context()); !errors.Is(err, tandem.ErrInvalid) {
			t.Errorf("%v: got %v, want %v", bad, err, tandem.ErrInvalid)
		}
	}
	check(t, c.Purge(t.Context(), "d"))
	begin()
	look("a")
}

func TestOnlyALazyIndexIsUpdated(t *testing.T) {
	t.Parallel()
	c := defaultIn(t, newDatabase(t, tandem.Options{}))
	check(t, c.CreateIndex(t.Context(), "near", tandem.VectorIndex{Expression: "v", Dimensions: 2}))
	for name, want := range map[string]error{"near": tandem.ErrInvalid, "absent": tandem.ErrNotFound} {
		if _, err := c.BeginVectorUpdate(t.Context(), name, 1); !errors.Is(err, want) {
			t.Errorf("%s: got %v, want %v", name, err, want)
		}
	}
	if _, err := c.BeginVectorUpdate(t.Context(), "near", 0); !errors.Is(err, tandem.ErrInvalid) {
		t.Errorf("a limit of 0: got %v, want %v", err, tandem.ErrInvalid)
	}
}
