package bench

import (
	"encoding/json"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestQuantilesAreOfTheSortedValues(t *testing.T) {
	for name, c := range map[string]struct {
		values []float64
		part   float64
		want   float64
	}{
		"one value":     {[]float64{7}, 0.99, 7},
		"odd median":    {[]float64{9, 1, 5}, 0.5, 5},
		"even median":   {[]float64{4, 1, 3, 2}, 0.5, 2.5},
		"the greatest":  {[]float64{4, 1, 3, 2}, 1, 4},
		"in proportion": {[]float64{0, 10}, 0.99, 9.9},
	} {
		if got := quantile(c.values, c.part); math.Abs(got-c.want) > 1e-9 {
			t.Errorf("%s: got %v, want %v", name, got, c.want)
		}
	}
}

func TestASteadyTransferHasEqualTenths(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		rate := rapid.IntRange(100, 100_000).Draw(t, "rate")
		steps := rapid.IntRange(1, 50).Draw(t, "steps")
		var samples []sample
		for i := 1; i <= steps; i++ {
			samples = append(samples, sample{Seconds: float64(i), Documents: uint64(i * rate)}) //nolint:gosec // positive
		}
		for i, got := range tenths(samples) {
			if math.Abs(got-float64(rate)) > 1e-6*float64(rate) {
				t.Fatalf("tenth %d is %v, want %d", i, got, rate)
			}
		}
	})
}

func TestTenthsTellASlowEnd(t *testing.T) {
	got := tenths([]sample{{Seconds: 9, Documents: 900}, {Seconds: 11, Documents: 1000}})
	if math.Abs(got[0]-100) > 1e-6 || math.Abs(got[9]-50) > 1e-6 {
		t.Errorf("got %v, want 100 at first and 50 at the end", got)
	}
}

func TestBodiesAreJSONOfTheirSize(t *testing.T) {
	for _, size := range sizes {
		for i := range 20 {
			text := body(i, size)
			if !json.Valid(text) || len(text) != size {
				t.Fatalf("body %d has %d bytes, want %d of JSON: %s", i, len(text), size, text)
			}
			if !slices.Equal(text, body(i, size)) {
				t.Errorf("body %d is not always the same", i)
			}
		}
	}
}

func TestNumbersForPeople(t *testing.T) {
	for value, want := range map[float64]string{
		0.123: "0.12", 12.34: "12.3", 123.4: "123", 1234.5: "1,235", 1234567: "1,234,567", -1234: "-1,234",
	} {
		if got := number(value); got != want {
			t.Errorf("%v is %q, want %q", value, got, want)
		}
	}
}
