package store

import (
	"slices"
	"sort"

	"github.com/tandemdb/tandem/internal/query/vector"
)

// vectorSet has vectors by ascending numbers.
type vectorSet struct {
	dimensions int
	numbers    []int64
	blocks     [][]float32 // of blockVectors vectors each
	norms      []float32   // with the metric Cosine
	expected   int         // how many vectors there will be; 0 if that is not known
}

// blockVectors is how many vectors a block has.
const blockVectors = 256

func (s *vectorSet) at(i int) []float32 {
	start := i % blockVectors * s.dimensions
	return s.blocks[i/blockVectors][start : start+s.dimensions : start+s.dimensions]
}

// add appends a vector as it is in the file.
func (s *vectorSet) add(n int64, blob []byte, m vector.Metric) {
	if len(s.numbers)%blockVectors == 0 {
		room := blockVectors
		if rest := s.expected - len(s.numbers); rest > 0 {
			room = min(room, rest)
		}
		s.blocks = append(s.blocks, make([]float32, 0, room*s.dimensions))
	}
	last := &s.blocks[len(s.blocks)-1]
	*last = vector.FromBytes(*last, blob[:min(len(blob), 4*s.dimensions)])
	for len(*last) < (len(s.numbers)%blockVectors+1)*s.dimensions { // the blob was damaged
		*last = append(*last, 0)
	}
	s.numbers = append(s.numbers, n)
	if m == vector.Cosine {
		s.norms = append(s.norms, m.Norm(s.at(len(s.numbers)-1)))
	}
}

// upTo returns the vectors whose numbers are not above one. Either the result or s may be added to afterwards, not both.
func (s *vectorSet) upTo(number int64) vectorSet {
	n := s.count(number)
	set := vectorSet{
		dimensions: s.dimensions, numbers: s.numbers[:n], blocks: slices.Clone(s.blocks[:(n+blockVectors-1)/blockVectors]),
		expected: s.expected,
	}
	if rest := n % blockVectors; rest > 0 {
		last := &set.blocks[len(set.blocks)-1]
		*last = (*last)[:rest*s.dimensions]
	}
	if s.norms != nil {
		set.norms = s.norms[:n]
	}
	return set
}

// count returns how many vectors have a number that is not above one.
func (s *vectorSet) count(number int64) int {
	return sort.Search(len(s.numbers), func(i int) bool { return s.numbers[i] > number })
}

// norm returns the length of a vector, or 0 if it is not known.
func (s *vectorSet) norm(i int) float32 {
	if s.norms == nil {
		return 0
	}
	return s.norms[i]
}

// measureInto measures the vectors from one place on and before another.
func (s *vectorSet) measureInto(distances []float64, from vector.From, first, last int) {
	for i := first; i < last; i++ {
		distances[i] = from.Raw(s.at(i), s.norm(i))
	}
}

// measureSets measures all vectors of several sets, with all processors.
func measureSets(from vector.From, sets []vectorSet) measured {
	var f measured
	begins := make([]int, len(sets))
	for i := range sets {
		begins[i] = len(f.numbers)
		f.numbers = append(f.numbers, sets[i].numbers...)
	}
	f.distances = make([]float64, len(f.numbers))
	vector.Parallel(len(f.numbers), func(first, last int) {
		for i := range sets {
			begin, n := begins[i], len(sets[i].numbers)
			if end := begin + n; begin < last && end > first {
				sets[i].measureInto(f.distances[begin:end], from, max(first-begin, 0), min(last-begin, n))
			}
		}
	})
	return f
}
