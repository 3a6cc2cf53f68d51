package function

import (
	"math"

	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/query/vector"
)

// vectors are functions of two vectors. Vectors of different lengths give NULL.
var vectors = []*Function{
	strict("euclidean_distance", 2, 3, func(args []value.Value) value.Value {
		squared := false
		if len(args) == 3 {
			squared, _ = value.Truth(args[2])
		}
		return ofVectors(args, func(a, b []float64) float64 {
			sum := 0.0
			for i := range a {
				sum += (a[i] - b[i]) * (a[i] - b[i])
			}
			if squared {
				return sum
			}
			return math.Sqrt(sum)
		})
	}),
	strict("cosine_distance", 2, 2, func(args []value.Value) value.Value {
		return ofVectors(args, func(a, b []float64) float64 {
			aa, bb := product(a, a), product(b, b)
			if aa == 0 || bb == 0 {
				return 1
			}
			return max(0, 1-product(a, b)/math.Sqrt(aa)/math.Sqrt(bb))
		})
	}),
	strict("dot_product", 2, 2, func(args []value.Value) value.Value { return ofVectors(args, product) }),
}

func ofVectors(args []value.Value, f func(a, b []float64) float64) value.Value {
	a, ok := vector.Numbers(args[0])
	b, also := vector.Numbers(args[1])
	if !ok || !also || len(a) != len(b) {
		return value.NullValue
	}
	if d := f(a, b); !math.IsNaN(d) && !math.IsInf(d, 0) {
		return value.OfDouble(d)
	}
	return value.NullValue
}

func product(a, b []float64) (sum float64) {
	for i := range a {
		sum += a[i] * b[i]
	}
	return sum
}
