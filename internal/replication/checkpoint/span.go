package checkpoint

import (
	"cmp"
	"slices"
)

// Span is a half-open range of sequences.
type Span struct{ First, End uint64 }

// without removes sorted sequences from a span.
func without(s Span, cut []uint64) []Span {
	var spans []Span
	for _, seq := range cut {
		if seq < s.First || seq >= s.End {
			continue
		}
		if seq > s.First {
			spans = append(spans, Span{s.First, seq})
		}
		s.First = seq + 1
	}
	if s.First < s.End {
		spans = append(spans, s)
	}
	return spans
}

// Merge sorts spans, leaves out empty ones, and joins those that touch.
func Merge(spans []Span) []Span {
	slices.SortFunc(spans, func(a, b Span) int { return cmp.Compare(a.First, b.First) })
	var out []Span
	for _, s := range spans {
		if s.First >= s.End {
			continue
		}
		if n := len(out); n > 0 && s.First <= out[n-1].End {
			out[n-1].End = max(out[n-1].End, s.End)
			continue
		}
		out = append(out, s)
	}
	return out
}

// intersect returns the common parts of two sorted lists.
func intersect(a, b []Span) []Span {
	var out []Span
	for len(a) > 0 && len(b) > 0 {
		s := Span{max(a[0].First, b[0].First), min(a[0].End, b[0].End)}
		if s.First < s.End {
			out = append(out, s)
		}
		if a[0].End < b[0].End {
			a = a[1:]
		} else {
			b = b[1:]
		}
	}
	return out
}
