package vector_test

import (
	"encoding/base64"
	"errors"
	"math"
	"slices"
	"sync/atomic"
	"testing"

	"github.com/tandemdb/tandem/internal/query/vector"
)

func TestDistancesSurviveWhatFloat32DoesNot(t *testing.T) {
	t.Parallel()
	for _, length := range []float32{1e30, 1e-25, 1} {
		a, opposite, right := []float32{length, length}, []float32{-length, -length}, []float32{length, -length}
		square := float64(length) * float64(length)
		for _, tt := range []struct {
			m    vector.Metric
			b    []float32
			want float64
		}{
			{vector.Cosine, a, 0},
			{vector.Cosine, opposite, 2},
			{vector.Cosine, right, 1},
			{vector.Dot, a, -2 * square},
			{vector.Dot, right, 0},
			{vector.EuclideanSquared, a, 0},
			{vector.EuclideanSquared, opposite, 8 * square},
			{vector.Euclidean, opposite, math.Sqrt(8) * float64(length)},
		} {
			got := tt.m.Distance(a, tt.b)
			if math.Abs(got-tt.want) > 1e-6*max(math.Abs(tt.want), min(1, square)) || math.Signbit(got) != (tt.want < 0) {
				t.Errorf("%v of %v and %v: got %v, want %v", tt.m, a, tt.b, got, tt.want)
			}
			if known := tt.m.From(a).Shown(tt.m.From(a).Raw(tt.b, tt.m.Norm(tt.b))); known != got {
				t.Errorf("%v of %v and %v with the length: got %v, want %v", tt.m, a, tt.b, known, got)
			}
		}
	}
}

// The training of many large vectors takes minutes for each round.
func TestTrainingEndsWithinARound(t *testing.T) {
	t.Parallel()
	sample := bunches(2000, 64, 20)
	for _, workers := range []int{1, 3} {
		var asked atomic.Int64
		given := errors.New("given up")
		_, err := vector.Train(vector.Euclidean, slices.Clone(sample), 1000, 1, workers, func() error {
			if asked.Add(1) > 5 {
				return given
			}
			return nil
		})
		if !errors.Is(err, given) {
			t.Errorf("with %d workers: got %v after %d questions, want it to end", workers, err, asked.Load())
		}
	}
}

func TestAnyBase64IsRead(t *testing.T) {
	t.Parallel()
	want := []float32{-1.0078104, 0.5}
	bytes := vector.AppendBytes(nil, want)
	standard := base64.StdEncoding.EncodeToString(bytes)
	url := base64.URLEncoding.EncodeToString(bytes)
	if url == standard {
		t.Fatal("the two forms are alike")
	}
	for _, text := range []string{standard, url, base64.RawURLEncoding.EncodeToString(bytes), standard + `\n`, standard[:4] + `\r\n` + standard[4:]} {
		if got, err := vector.FromJSON([]byte(`"`+text+`"`), 2); err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %v, %v", text, got, err)
		}
	}
	if _, err := vector.FromJSON([]byte("[1]"), -1); err == nil {
		t.Error("a negative number of dimensions: got no error")
	}
}
