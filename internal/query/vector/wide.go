package vector

import "math"

// precise reports whether a sum of float32 has lost nothing that matters to what is too large or too small for that type.
func precise(sum float32) bool {
	const least = 1e-30
	return sum >= least && sum <= math.MaxFloat32 || sum <= -least && sum >= -math.MaxFloat32
}

// wide returns a sum over two vectors, which again works out anew if float32 does not suffice.
func wide(sum float32, a, b []float32, again func(a, b []float32) float64) float64 {
	if precise(sum) {
		return float64(sum)
	}
	return again(a, b)
}

func dotWide(a, b []float32) (sum float64) {
	for i := range min(len(a), len(b)) {
		sum += float64(a[i]) * float64(b[i])
	}
	return sum
}

func squaredWide(a, b []float32) (sum float64) {
	for i := range min(len(a), len(b)) {
		d := float64(a[i]) - float64(b[i])
		sum += d * d
	}
	return sum
}

func normWide(v []float32) float64 { return math.Sqrt(dotWide(v, v)) }
