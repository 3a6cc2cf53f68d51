package live

import (
	"slices"
	"sort"
)

// Diff tells how a list of rows becomes another: the rows of Removed and those that Moved leave the
// old list, the others keep their order, and the rows of Inserted and Moved take their places in
// the new list. Rows of Changed are in both lists, with different values. All positions are from 0
// and ascend; those of Moved do in To.
type Diff struct {
	Removed  []int // in the old list
	Inserted []int // in the new list
	Moved    []Move
	Changed  []Pair
}

// Move is a row that has another place among the rows that are in both lists.
type Move struct{ From, To int }

// Pair is a row that is in both lists.
type Pair struct{ Old, New int }

// Compare compares two lists of rows by their keys. Where rows have the same key, the first ones
// belong together, then the second ones, and so on. As few rows as possible move.
func Compare(before, after []string, same func(before, after int) bool) Diff {
	var d Diff
	places := make(map[string][]int, len(before))
	for i, key := range before {
		places[key] = append(places[key], i)
	}
	var kept []Pair
	for i, key := range after {
		old := places[key]
		if len(old) == 0 {
			d.Inserted = append(d.Inserted, i)
			continue
		}
		places[key] = old[1:]
		kept = append(kept, Pair{old[0], i})
		if !same(old[0], i) {
			d.Changed = append(d.Changed, Pair{old[0], i})
		}
	}
	for _, old := range places {
		d.Removed = append(d.Removed, old...)
	}
	slices.Sort(d.Removed)
	stays := ascending(kept)
	for i, p := range kept {
		if !stays[i] {
			d.Moved = append(d.Moved, Move{p.Old, p.New})
		}
	}
	return d
}

// ascending finds the longest ascending subsequence of the old places, and marks its pairs.
func ascending(kept []Pair) []bool {
	ends := make([]int, 0, len(kept)) // of the best subsequence of each length, as indexes of kept
	before := make([]int, len(kept))
	for i, p := range kept {
		n := sort.Search(len(ends), func(n int) bool { return kept[ends[n]].Old > p.Old })
		before[i] = -1
		if n > 0 {
			before[i] = ends[n-1]
		}
		if n == len(ends) {
			ends = append(ends, i)
		} else {
			ends[n] = i
		}
	}
	marks := make([]bool, len(kept))
	if len(ends) > 0 {
		for i := ends[len(ends)-1]; i >= 0; i = before[i] {
			marks[i] = true
		}
	}
	return marks
}
