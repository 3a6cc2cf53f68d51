package both

import (
	"cmp"
	"slices"

	"github.com/tandemdb/tandem/internal/revision"
)

// vector is a version with the versions that it has seen. Encoded tree IDs are versions of one
// source here, as in Couchbase Lite 4.
type vector struct {
	cv             revision.ID
	merges, before []revision.ID
}

func vectorOf(r revision.Rev) vector {
	return vector{r.ID.Encoded(), r.History.Merges, r.History.Previous}
}

// time returns the time up to which v includes the versions of a source; 0 if none.
func (v vector) time(source revision.Source) revision.Time {
	if v.cv.Source() == source {
		return v.cv.Time()
	}
	for _, list := range [...][]revision.ID{v.merges, v.before} {
		for _, id := range list {
			if id.Source() == source {
				return id.Time()
			}
		}
	}
	return 0
}

func (v vector) encoded() revision.Time       { return v.time(revision.LegacySource) }
func (v vector) includes(id revision.ID) bool { return v.time(id.Source()) >= id.Time() }
func (v vector) isTree() bool                 { return v.cv.Source() == revision.LegacySource }

// all lists the versions that v includes, its own first.
func (v vector) all() []revision.ID {
	return slices.Concat([]revision.ID{v.cv}, v.merges, v.before)
}

// seeing returns v with the versions ids added to those that it has seen.
func (v vector) seeing(ids ...revision.ID) vector {
	for _, id := range ids {
		if id == "" || v.time(id.Source()) >= id.Time() || id.Source() == v.cv.Source() {
			continue
		}
		if slices.ContainsFunc(v.merges, ofSource(id.Source())) { // a merge of an older version than v has seen
			v.before = slices.Concat(v.before, v.merges)
			v.merges = nil
		}
		v.before = append(slices.DeleteFunc(slices.Clone(v.before), ofSource(id.Source())), id)
	}
	return v.sorted()
}

func ofSource(source revision.Source) func(revision.ID) bool {
	return func(id revision.ID) bool { return id.Source() == source }
}

func (v vector) sorted() vector {
	v.before = slices.Clone(v.before)
	slices.SortFunc(v.before, func(a, b revision.ID) int {
		return cmp.Or(cmp.Compare(b.Time(), a.Time()), cmp.Compare(a, b))
	})
	return v
}

// without returns v without its knowledge of a source. v's own version stays.
func (v vector) without(source revision.Source) vector {
	v.merges = slices.DeleteFunc(slices.Clone(v.merges), ofSource(source))
	v.before = slices.DeleteFunc(slices.Clone(v.before), ofSource(source))
	return v
}

// next returns the vector of a new version, which has seen v.
func (v vector) next(cv revision.ID) vector {
	return vector{cv: cv}.seeing(v.all()...)
}

// rev returns v as a revision without a tree.
func (v vector) rev() revision.Rev {
	r := revision.Rev{ID: v.cv}
	if len(v.merges) > 0 {
		r.History.Merges = v.merges
	}
	if len(v.before) > 0 {
		r.History.Previous = v.before
	}
	return r
}

// sortedByAge lists the versions that v has seen, the oldest first.
func (v vector) sortedByAge() []revision.ID {
	ids := slices.Concat(v.merges, v.before)
	slices.SortFunc(ids, func(a, b revision.ID) int {
		return cmp.Or(cmp.Compare(a.Time(), b.Time()), cmp.Compare(a, b))
	})
	return ids
}
