package store

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/tandemdb/tandem/internal/query/vector"
)

// vectorCache keeps the vectors of indexes in memory, up to a number of bytes: all of an index, or those of the lists that
// searches have looked into. It is shared by all queries.
//
// The vector of a number never changes, and a later commit gives it a larger number. So a transaction may use all vectors up
// to the largest number that was there in an earlier state of the index, reads those after it, and leaves out the
// numbers that it does not have. The list of a number does not change either, for the same centroids.
type vectorCache struct {
	limit int64 // bytes; 0 keeps no vectors

	mu        sync.Mutex // guards the following
	all       map[cacheKey]*cachedVectors
	centroids []sharedLists
	used      int64
	turns     uint64
}

// cacheKey names what is in the cache together: the vectors of an index, or of one list.
type cacheKey struct {
	index   string // its token
	trained string // the token of the centroids; "" for all vectors of the index
	list    int
}

// cachedVectors are some vectors of one index. Its slices only grow, so that what was there can be read while others append.
type cachedVectors struct {
	key    cacheKey
	metric vector.Metric

	loading chan struct{} // has room for one, who reads further vectors
	gone    atomic.Bool   // the cache has given the vectors up, and counts them no more

	size int64  // bytes, as counted in the cache, whose mutex guards this and the following
	turn uint64 // of the last use

	mu      sync.Mutex // guards the following
	known   []knownState
	vectors vectorSet
	most    int // vectors that the cache has counted
}

// knownState is the largest number at a version of the index.
type knownState struct {
	version int64
	number  int64
}

// mostStates bounds the states that are remembered: transactions older than all of them read the vectors from the file.
const mostStates = 16

// vectorBytes is how many bytes a vector takes besides its numbers.
const vectorBytes = 24

func cachedSize(n int64, dimensions int) int64 { return n * int64(4*dimensions+vectorBytes) }

// find returns the vectors that are in the cache under a key, nil if there are none. It counts as use.
func (c *vectorCache) find(key cacheKey) *cachedVectors {
	c.mu.Lock()
	defer c.mu.Unlock()
	v := c.all[key]
	if v != nil {
		c.turns++
		v.turn = c.turns
	}
	return v
}

// of returns the vectors that are kept under a key, which are to be so many now. It returns nil if there is no room for them.
func (c *vectorCache) of(key cacheKey, n int64, o VectorOptions) *cachedVectors {
	most := n + n/deadPart
	size := cachedSize(most, o.Dimensions)
	c.mu.Lock()
	defer c.mu.Unlock()
	if n < 0 || n > c.limit || size > c.limit-c.shared() { // a count from a file can be any
		c.forget(key)
		return nil
	}
	v := c.all[key]
	if v == nil {
		v = &cachedVectors{key: key, loading: make(chan struct{}, 1), metric: o.metric()}
		v.vectors = vectorSet{dimensions: o.Dimensions, expected: int(n)}
		if c.all == nil {
			c.all = map[cacheKey]*cachedVectors{}
		}
		c.all[key] = v
	}
	c.turns++
	v.turn = c.turns
	c.used += size - v.size
	v.size = size
	v.mu.Lock()
	v.most = int(most) + uncounted
	v.mu.Unlock()
	c.shrink()
	return v
}

// uncounted is how many vectors more than it counts the cache accepts, so that a few that are gone do not matter.
const uncounted = 64

// deadPart is which part of the vectors may be gone.
const deadPart = 4

// shrink forgets what was used the longest ago until the rest has room.
func (c *vectorCache) shrink() {
	for c.used > c.limit-c.shared() && len(c.all) > 0 {
		var oldest *cachedVectors
		for _, v := range c.all {
			if oldest == nil || v.turn < oldest.turn {
				oldest = v
			}
		}
		c.forget(oldest.key)
	}
}

func (c *vectorCache) forget(key cacheKey) {
	if v := c.all[key]; v != nil {
		c.used -= v.size
		v.gone.Store(true)
		delete(c.all, key)
	}
}

// forgetOthers forgets what an index has in the cache, but for the lists of some centroids.
func (c *vectorCache) forgetOthers(index, trained string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for key := range c.all {
		if key.index == index && key.trained != trained {
			c.forget(key)
		}
	}
}

// drop forgets vectors that have grown beyond what the cache has counted. A later search counts anew.
func (c *vectorCache) drop(v *cachedVectors) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all[v.key] == v {
		c.forget(v.key)
	}
}

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

// usable returns the vectors that a transaction of a version may use, up to the number of a known state.
func (v *cachedVectors) usable(version int64) (s vectorSet, known knownState, ok bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if known, ok = v.before(version); ok {
		s = v.vectors.upTo(known.number)
	}
	return s, known, ok
}
