package vector

import "slices"

// Ranking gives the positions of distances in ascending order of these, and of the positions where they are equal. It looks
// for as many as it is asked for.
type Ranking struct {
	distances []float64
	ready     []int // positions, the next one last
	given     int
	last      int // the position that was given last
}

// firstRanked is how many positions are looked for at first. Each further search finds four times as many.
const firstRanked = 64

// Rank returns the ranking of distances, which must not change. Those that are NaN are left out.
func Rank(distances []float64) *Ranking { return &Ranking{distances: distances, last: -1} }

// Next returns the next position, or false if all were given.
func (r *Ranking) Next() (position int, ok bool) {
	if len(r.ready) == 0 && !r.search() {
		return 0, false
	}
	r.last = r.ready[len(r.ready)-1]
	r.ready = r.ready[:len(r.ready)-1]
	r.given++
	return r.last, true
}

// search finds the next positions.
func (r *Ranking) search() bool {
	most := max(firstRanked, 3*r.given)
	heap := make([]int, 0, min(most, len(r.distances))) // the worst one first
	for at, d := range r.distances {
		switch {
		case d != d || r.last >= 0 && !r.before(r.last, at):
		case len(heap) < most:
			heap = append(heap, at)
			r.up(heap)
		case r.before(at, heap[0]):
			heap[0] = at
			r.down(heap)
		}
	}
	slices.SortFunc(heap, func(a, b int) int {
		if r.before(a, b) {
			return 1
		}
		return -1
	})
	r.ready = heap
	return len(heap) > 0
}

func (r *Ranking) before(a, b int) bool {
	if r.distances[a] != r.distances[b] {
		return r.distances[a] < r.distances[b]
	}
	return a < b
}

// up lets the last element of a heap rise to its place.
func (r *Ranking) up(heap []int) {
	for at := len(heap) - 1; at > 0; {
		above := (at - 1) / 2
		if !r.before(heap[above], heap[at]) {
			return
		}
		heap[above], heap[at] = heap[at], heap[above]
		at = above
	}
}

// down lets the first element of a heap sink to its place.
func (r *Ranking) down(heap []int) {
	for at := 0; ; {
		below := 2*at + 1
		if below >= len(heap) {
			return
		}
		if below+1 < len(heap) && r.before(heap[below], heap[below+1]) {
			below++
		}
		if !r.before(heap[at], heap[below]) {
			return
		}
		heap[at], heap[below] = heap[below], heap[at]
		at = below
	}
}
