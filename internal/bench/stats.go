package bench

import (
	"slices"
	"time"
)

// quantile returns the value below which the given part (0 to 1) of the values lies. values must
// not be empty.
func quantile(values []float64, part float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	at := part * float64(len(sorted)-1)
	low := int(at)
	if low == len(sorted)-1 {
		return sorted[low]
	}
	return sorted[low] + (at-float64(low))*(sorted[low+1]-sorted[low])
}

func median(values []float64) float64 { return quantile(values, 0.5) }

// sample is the progress of a replication at one time.
type sample struct {
	Seconds   float64 `json:"seconds"`
	Documents uint64  `json:"documents"`
	Resident  uint64  `json:"resident"` // bytes of memory just then; 0 where that is not known
}

// tenths returns the rates, in documents per second, of each tenth of the documents.
func tenths(samples []sample) []float64 {
	if len(samples) == 0 {
		return nil
	}
	total := float64(samples[len(samples)-1].Documents)
	rates := make([]float64, 10)
	last := 0.0
	for i := range rates {
		at := timeOf(samples, total*float64(i+1)/10)
		rates[i] = total / 10 / max(at-last, 1e-9)
		last = at
	}
	return rates
}

// timeOf returns when so many documents had arrived, in seconds: between samples, in proportion.
func timeOf(samples []sample, documents float64) float64 {
	var before sample
	for _, s := range samples {
		if float64(s.Documents) >= documents {
			grown := float64(s.Documents - before.Documents)
			if grown == 0 {
				return s.Seconds
			}
			return before.Seconds + (s.Seconds-before.Seconds)*(documents-float64(before.Documents))/grown
		}
		before = s
	}
	return before.Seconds
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
