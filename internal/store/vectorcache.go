package store

import (
	"context"
	"slices"
	"sort"
	"sync"
	"sync/atomic"

	"github.com/tandemdb/tandem/internal/query/vector"
)

// vectorCache keeps the vectors of indexes in memory, up to a number of bytes. It is shared by all queries.
//
// The vector of a number never changes, and a later commit gives it a larger number. So a transaction may use all vectors up
// to the largest number that was there in an earlier state of the index, reads those after it, and leaves out the
// numbers that it does not have.
type vectorCache struct {
	limit int64 // bytes; 0 keeps nothing

	mu    sync.Mutex // guards the following
	all   map[string]*cachedVectors
	used  int64
	turns uint64
}

// cachedVectors are the vectors of one index. Its slices only grow, so that what was there can be read while others append.
type cachedVectors struct {
	metric vector.Metric

	loading chan struct{} // has room for one, who reads further vectors
	gone    atomic.Bool   // the cache has given the vectors up, and counts them no more

	mu       sync.Mutex // guards the following
	known    []knownState
	vectors  vectorSet
	trained  string    // the token of the centroids that the lists belong to
	byList   [][]int32 // places in vectors
	listed   int       // how many vectors are in lists
	listedAt int64     // the version of the index at which the last of them were read
	size     int64     // bytes, as counted in the cache
	turn     uint64    // of the last use
}

// knownState is the largest number at a version of the index.
type knownState struct {
	version int64
	number  int64
}

// mostStates bounds the states that are remembered: transactions older than all of them read the vectors from the file.
const mostStates = 64

// vectorSet has vectors by ascending numbers.
type vectorSet struct {
	dimensions int
	numbers    []int64
	blocks     [][]float32 // of blockVectors vectors each
	norms      []float32   // with the metric Cosine
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
		s.blocks = append(s.blocks, make([]float32, 0, blockVectors*s.dimensions))
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
	set := vectorSet{dimensions: s.dimensions, numbers: s.numbers[:n], blocks: slices.Clone(s.blocks[:(n+blockVectors-1)/blockVectors])}
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

// vectorBytes is how many bytes a vector takes besides its numbers.
const vectorBytes = 24

func cachedSize(n int64, dimensions int) int64 { return n * int64(4*dimensions+vectorBytes) }

// of returns the vectors that are kept of an index, nil if there is no room for so many.
func (c *vectorCache) of(state vectorState, o VectorOptions) *cachedVectors {
	size := cachedSize(state.live+state.live/deadPart, o.Dimensions)
	c.mu.Lock()
	defer c.mu.Unlock()
	if state.live > c.limit || size > c.limit { // a count from a file can be any
		c.forget(state.token)
		return nil
	}
	c.turns++
	v := c.all[state.token]
	if v == nil {
		v = &cachedVectors{loading: make(chan struct{}, 1), metric: o.metric(), vectors: vectorSet{dimensions: o.Dimensions}}
		if c.all == nil {
			c.all = map[string]*cachedVectors{}
		}
		c.all[state.token] = v
	}
	v.turn = c.turns
	c.used += size - v.size
	v.size = size
	for c.used > c.limit {
		c.forgetOldest()
	}
	return v
}

func (c *vectorCache) forgetOldest() {
	oldest := ""
	for token, v := range c.all {
		if oldest == "" || v.turn < c.all[oldest].turn {
			oldest = token
		}
	}
	c.forget(oldest)
}

func (c *vectorCache) forget(token string) {
	if v := c.all[token]; v != nil {
		c.used -= v.size
		v.gone.Store(true)
		delete(c.all, token)
	}
}

// renew forgets the vectors of an index if many of them are gone from it.
func (c *vectorCache) renew(state vectorState, v *cachedVectors) {
	v.mu.Lock()
	dead := int64(len(v.vectors.numbers)) - state.live
	v.mu.Unlock()
	if dead > state.live/deadPart+1000 {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.forget(state.token)
	}
}

// deadPart is which part of the vectors may be gone.
const deadPart = 4

// fullAt returns how many vectors are more than an index of a state can have in the cache. Its count may be wrong.
func fullAt(state vectorState) int { return int(state.live + state.live/deadPart + 2000) }

// load waits until nobody else reads further vectors. done ends the own reading.
func (v *cachedVectors) load(ctx context.Context) (done func(), err error) {
	select {
	case v.loading <- struct{}{}:
		return func() { <-v.loading }, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// before returns the latest state that is not later than a version.
func (v *cachedVectors) before(version int64) (s knownState, ok bool) {
	for _, s := range slices.Backward(v.known) {
		if s.version <= version {
			return s, true
		}
	}
	return s, false
}

// know notes the state of the index at which all vectors were read.
func (v *cachedVectors) know(s knownState) {
	v.known = append(v.known, s)
	if len(v.known) > mostStates {
		v.known = slices.Delete(v.known, 0, 1)
	}
}
