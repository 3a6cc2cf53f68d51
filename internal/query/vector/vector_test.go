package vector_test

import (
	"encoding/base64"
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/query/vector"
	"github.com/tandemdb/tandem/internal/testsize"
)

func TestDistancesAreThoseOfTheirFormulas(t *testing.T) {
	t.Parallel()
	testsize.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(2, 40).Draw(t, "dimensions")
		draw := func(name string) []float32 {
			return rapid.SliceOfN(rapid.Float32Range(-10, 10), n, n).Draw(t, name)
		}
		a, b := draw("a"), draw("b")
		var product, squares, aa, bb float64
		for i := range a {
			x, y := float64(a[i]), float64(b[i])
			product += x * y
			squares += (x - y) * (x - y)
			aa += x * x
			bb += y * y
		}
		want := map[vector.Metric]float64{
			vector.EuclideanSquared: squares, vector.Euclidean: math.Sqrt(squares), vector.Dot: -product, vector.Cosine: 1,
		}
		if float32(aa) > 0 && float32(bb) > 0 {
			want[vector.Cosine] = 1 - product/math.Sqrt(aa)/math.Sqrt(bb)
		}
		for m, d := range want {
			got := m.Distance(a, b)
			if math.Abs(got-d) > 1e-4*(1+math.Abs(d)+aa+bb) && aa > 1e-30 && bb > 1e-30 {
				t.Errorf("%v of %v and %v: got %v, want %v", m, a, b, got, d)
			}
			if known := m.From(a).Shown(m.From(a).Raw(b, m.Norm(b))); known != got {
				t.Errorf("%v with the length: got %v, want %v", m, known, got)
			}
		}
	})
}

func TestOddVectorsHaveADistance(t *testing.T) {
	t.Parallel()
	zero, huge := []float32{0, 0}, []float32{math.MaxFloat32, -math.MaxFloat32}
	for _, name := range vector.Metrics() {
		m, _ := vector.ParseMetric(name)
		for _, a := range [][]float32{zero, huge} {
			for _, b := range [][]float32{zero, huge, {1, 2}} {
				if d := m.Distance(a, b); math.IsNaN(d) {
					t.Errorf("%v of %v and %v: got NaN", m, a, b)
				}
			}
		}
	}
	if d := vector.Cosine.Distance(zero, []float32{1, 2}); d != 1 {
		t.Errorf("the cosine distance of a vector without direction: got %v, want 1", d)
	}
}

func TestMetricsHaveTheirNames(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]vector.Metric{
		"EUCLIDEAN_SQUARED": vector.EuclideanSquared, "L2_SQUARED": vector.EuclideanSquared, "euclideanSquared": vector.EuclideanSquared,
		"euclidean": vector.Euclidean, "L2": vector.Euclidean, "COSINE": vector.Cosine, "dot": vector.Dot,
	} {
		if got, ok := vector.ParseMetric(name); !ok || got != want {
			t.Errorf("%s: got %v, %v, want %v", name, got, ok, want)
		}
	}
	if m, ok := vector.ParseMetric("manhattan"); ok {
		t.Errorf("manhattan: got %v", m)
	}
}

func TestWhatIsNoVectorIsRefused(t *testing.T) {
	t.Parallel()
	packed := func(v ...float32) string {
		return `"` + base64.StdEncoding.EncodeToString(vector.AppendBytes(nil, v)) + `"`
	}
	for _, tt := range []struct {
		text, complaint string
	}{
		{`[1, 2.5 ,-3e2]`, ""},
		{"[\n1,\t2,3\r\n]", ""},
		{packed(1, 2, 3), ""},
		{strings.ReplaceAll(packed(1, 2, 3), "=", ""), ""},
		{`[1,2]`, "has 2 numbers"},
		{`[1,2,3,4]`, "more than 3"},
		{`[]`, "has 0 numbers"},
		{`[1,"2",3]`, "item 1"},
		{`[1,null,3]`, "item 1"},
		{`[1,[2],3]`, "item 1"},
		{`[1,{"a":2},3]`, "item 1"},
		{`[1,true,3]`, "item 1"},
		{`[1,1e39,3]`, "item 1"},
		{`{"a":1}`, "neither"},
		{`7`, "neither"},
		{`null`, "neither"},
		{`"no base64"`, "no base64"},
		{`"AAAA"`, "3 bytes"},
		{packed(1, 2), "has 2 numbers"},
		{packed(1, float32(math.NaN()), 3), "not finite"},
		{packed(1, 2, float32(math.Inf(1))), "not finite"},
		{`"` + strings.Repeat("A", 1<<16) + `"`, "characters"},
	} {
		for _, read := range []func() ([]float32, error){
			func() ([]float32, error) { return vector.FromJSON([]byte(tt.text), 3) },
			func() ([]float32, error) { return vector.Of(value.FromJSON([]byte(tt.text)), 3) },
		} {
			v, err := read()
			switch {
			case tt.complaint == "" && (err != nil || len(v) != 3):
				t.Errorf("%.50q: got %v, %v", tt.text, v, err)
			case tt.complaint != "" && (err == nil || !strings.Contains(err.Error(), tt.complaint)):
				t.Errorf("%.50q: got %v, %v, want %q", tt.text, v, err, tt.complaint)
			}
		}
	}
}

func TestARankingIsAscending(t *testing.T) {
	t.Parallel()
	testsize.Check(t, func(t *rapid.T) {
		distances := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) float64 { return float64(rapid.IntRange(0, 30).Draw(t, "d")) }), 0, 700).Draw(t, "distances")
		want := make([]int, len(distances))
		for i := range want {
			want[i] = i
		}
		slices.SortStableFunc(want, func(a, b int) int { return int(distances[a] - distances[b]) })
		var got []int
		for r := vector.Rank(distances); ; {
			at, ok := r.Next()
			if !ok {
				break
			}
			got = append(got, at)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

// bunches makes vectors that lie in bunches.
func bunches(n, dimensions, many int) [][]float32 {
	random := rand.New(rand.NewPCG(3, 4))
	centres := make([][]float32, many)
	for i := range centres {
		for range dimensions {
			centres[i] = append(centres[i], float32(random.NormFloat64()))
		}
	}
	all := make([][]float32, n)
	for i := range all {
		for _, f := range centres[i%many] {
			all[i] = append(all[i], f+0.1*float32(random.NormFloat64()))
		}
	}
	return all
}

func TestListsHoldWhatLiesClose(t *testing.T) {
	t.Parallel()
	for _, m := range []vector.Metric{vector.EuclideanSquared, vector.Cosine, vector.Dot} {
		all := bunches(2000, 16, 10)
		l, err := vector.Train(m, slices.Clone(all), 20, 10, 2, func() error { return nil })
		if err != nil || l.Count() != 20 {
			t.Fatalf("got %v, %v", l, err)
		}
		again := vector.NewLists(m, 16, vector.FromBytes(nil, vector.AppendBytes(nil, l.Centroids())))
		close := 0
		lists, _ := l.NearestAll(all, 2, func() error { return nil })
		for i, list := range lists {
			if again.Nearest(all[i]) != list {
				t.Fatalf("vector %d is in another list after its centroids were kept", i)
			}
			if m != vector.Dot && l.Closest(all[i], 3)[0] != list {
				t.Fatalf("the closest list of vector %d is not its own", i)
			}
			if slices.Contains(l.Closest(all[i], 2), lists[(i+10)%len(all)]) { // of the same bunch
				close++
			}
		}
		if m != vector.Dot && close < len(all)*3/4 {
			t.Errorf("%v: only %d of %d vectors have their neighbour in the two closest lists", m, close, len(all))
		}
	}
	if l, err := vector.Train(vector.Cosine, nil, 10, 3, 1, func() error { return nil }); l != nil || err != nil {
		t.Errorf("no vectors: got %v, %v", l, err)
	}
	if l, err := vector.Train(vector.Cosine, bunches(5, 4, 2), 10, 3, 1, func() error { return nil }); err != nil || l.Count() != 5 {
		t.Errorf("fewer vectors than lists: got %v, %v", l, err)
	}
}

func FuzzFromJSON(f *testing.F) {
	for _, text := range []string{`[1,2]`, `"AACAPwAAAEA="`, `[1e400,-0]`, `[[1],2]`, `"\u0041"`, `{}`, `[ ]`} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if v, err := vector.Of(value.OfString(text), 2); err == nil && vector.Check(v, 2) != nil { // any text may be in a string
			t.Errorf("the string %q: got %v", text, v)
		}
		if !json.Valid([]byte(text)) {
			return
		}
		text = strings.TrimSpace(text)
		v, err := vector.FromJSON([]byte(text), 2)
		if err == nil && vector.Check(v, 2) != nil {
			t.Errorf("%q: got %v", text, v)
		}
		if again, err2 := vector.Of(value.FromJSON([]byte(text)), 2); (err == nil) != (err2 == nil) || !slices.Equal(v, again) {
			t.Errorf("%q: got %v, %v as text and %v, %v as a value", text, v, err, again, err2)
		}
	})
}

func BenchmarkDistance(b *testing.B) {
	all := bunches(1000, 384, 10)
	for _, name := range vector.Metrics() {
		m, _ := vector.ParseMetric(name)
		from := m.From(all[0])
		norms := make([]float32, len(all))
		for i := range all {
			norms[i] = m.Norm(all[i])
		}
		b.Run(name, func(b *testing.B) {
			for i := range b.N {
				from.Raw(all[i%len(all)], norms[i%len(all)])
			}
		})
	}
}
