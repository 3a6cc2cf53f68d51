package vector

import (
	"math"
	"strings"
)

// Metric tells how the distance of two vectors is measured.
type Metric uint8

// The metrics. The distance is the square of the Euclidean distance, that itself, 1 minus the cosine of the angle, or
// the negative dot product.
const (
	EuclideanSquared Metric = iota
	Euclidean
	Cosine
	Dot
)

var metrics = []struct {
	name    string
	aliases []string
}{
	EuclideanSquared: {"euclideanSquared", []string{"EUCLIDEAN_SQUARED", "L2_SQUARED"}},
	Euclidean:        {"euclidean", []string{"L2"}},
	Cosine:           {"cosine", nil},
	Dot:              {"dot", nil},
}

// Metrics returns the names of the metrics.
func Metrics() (names []string) {
	for _, m := range metrics {
		names = append(names, m.name)
	}
	return names
}

func (m Metric) String() string { return metrics[m].name }

// ParseMetric finds the metric of a name, which may be one of SQL++: EUCLIDEAN_SQUARED, L2_SQUARED, EUCLIDEAN, L2, COSINE or
// DOT. Case does not matter.
func ParseMetric(name string) (Metric, bool) {
	for m, names := range metrics {
		for _, known := range append([]string{names.name}, names.aliases...) {
			if strings.EqualFold(name, known) {
				return Metric(m), true
			}
		}
	}
	return 0, false
}

// Distance returns how far two vectors of the same length are from each other.
func (m Metric) Distance(a, b []float32) float64 {
	return m.From(a).Distance(b)
}

// From returns what measures the distances from one vector.
func (m Metric) From(target []float32) From {
	return From{metric: m, target: target, norm: norm(target)}
}

// From measures the distances from one vector. Several goroutines may use it.
type From struct {
	metric Metric
	target []float32
	norm   float32
}

// Distance returns the distance of a vector.
func (f From) Distance(v []float32) float64 { return f.Shown(f.Raw(v, 0)) }

// Norm returns what [From.Raw] may be given for a vector: 0 if the metric does not need it.
func (m Metric) Norm(v []float32) float32 {
	if m != Cosine {
		return 0
	}
	return norm(v)
}

// Raw returns a number that orders vectors as the distance does. length is the result of [Metric.Norm], or 0 if that is
// not known.
func (f From) Raw(v []float32, length float32) float64 {
	switch f.metric {
	case Dot:
		return clean(0 - wide(dot(f.target, v), f.target, v, dotWide))
	case Cosine:
		if length == 0 {
			length = norm(v)
		}
		product := dot(f.target, v)
		if !precise(product) || !precise(f.norm) || !precise(length) {
			return cosine(dotWide(f.target, v), normWide(f.target), normWide(v))
		}
		return float64(cosine(product, f.norm, length))
	default:
		return clean(wide(squared(f.target, v), f.target, v, squaredWide))
	}
}

// Shown returns the distance of a vector by the result of Raw.
func (f From) Shown(raw float64) float64 {
	if f.metric == Euclidean {
		return math.Sqrt(raw)
	}
	return raw
}

// cosine returns the distance by the dot product and the lengths. A vector without a direction is at right angles to all.
func cosine[F float32 | float64](product, a, b F) F {
	d := 1 - product/a/b
	if d != d || a == 0 || b == 0 {
		return 1
	}
	return max(0, d)
}

// clean returns the largest number in place of what is none.
func clean(d float64) float64 {
	if d != d {
		return math.Inf(1)
	}
	return d
}

func norm(v []float32) float32 { return float32(math.Sqrt(wide(dot(v, v), v, v, dotWide))) }

// dot returns the dot product of two vectors of the same length.
func dot(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	for len(a) >= 8 && len(b) >= 8 {
		x, y := (*[8]float32)(a), (*[8]float32)(b)
		s0 += x[0]*y[0] + x[4]*y[4]
		s1 += x[1]*y[1] + x[5]*y[5]
		s2 += x[2]*y[2] + x[6]*y[6]
		s3 += x[3]*y[3] + x[7]*y[7]
		a, b = a[8:], b[8:]
	}
	for i := range min(len(a), len(b)) {
		s0 += a[i] * b[i]
	}
	return s0 + s1 + s2 + s3
}

// squared returns the square of the Euclidean distance of two vectors of the same length.
func squared(a, b []float32) float32 {
	var s0, s1, s2, s3 float32
	for len(a) >= 8 && len(b) >= 8 {
		x, y := (*[8]float32)(a), (*[8]float32)(b)
		d0, d1, d2, d3 := x[0]-y[0], x[1]-y[1], x[2]-y[2], x[3]-y[3]
		d4, d5, d6, d7 := x[4]-y[4], x[5]-y[5], x[6]-y[6], x[7]-y[7]
		s0 += d0*d0 + d4*d4
		s1 += d1*d1 + d5*d5
		s2 += d2*d2 + d6*d6
		s3 += d3*d3 + d7*d7
		a, b = a[8:], b[8:]
	}
	for i := range min(len(a), len(b)) {
		d := a[i] - b[i]
		s0 += d * d
	}
	return s0 + s1 + s2 + s3
}
