package store

import (
	"iter"
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
)

// counters counts a collection's sequences and documents. The writer caches it, and each commit
// saves it.
type counters struct {
	collection int64
	last       int64 // the last sequence given
	live       int64 // documents that are not tombstones
}

// counterList holds the counters of the collections in use. Copies of a state share the list, so it
// never changes; with returns a changed copy.
type counterList []counters

func (l counterList) of(collection int64) (k counters, ok bool) {
	if i := l.index(collection); i >= 0 {
		return l[i], true
	}
	return counters{}, false
}

// with returns a copy of the list with k as its collection's counters.
func (l counterList) with(k counters) counterList {
	next := slices.Clone(l)
	if i := l.index(k.collection); i >= 0 {
		next[i] = k
		return next
	}
	return append(next, k)
}

// without returns the list without the counters of deleted collections.
func (l counterList) without(deleted []int64) counterList {
	return slices.DeleteFunc(slices.Clone(l), func(k counters) bool { return slices.Contains(deleted, k.collection) })
}

// since yields the counters that differ from an earlier state of the same transaction, with their
// earlier value. Both lists have the same order, so that a commit need not search for each
// collection.
func (l counterList) since(was counterList) iter.Seq2[counters, counters] {
	return func(yield func(was, is counters) bool) {
		for i, k := range l {
			before := counters{last: -1}
			if i < len(was) && was[i].collection == k.collection {
				before = was[i]
			}
			if before != k && !yield(before, k) {
				return
			}
		}
	}
}

func (l counterList) index(collection int64) int {
	return slices.IndexFunc(l, func(k counters) bool { return k.collection == collection })
}

// cached returns the counters that the writer remembers of a collection. The list still has those of
// the collections that the group has deleted.
func (s *state) cached(collection int64) (k counters, ok bool) {
	if slices.Contains(s.deleted, collection) {
		return k, false
	}
	return s.counters.of(collection)
}

// counters returns c's counters and caches them.
func (tx *Tx) counters(c *Collection) (counters, error) {
	if k, ok := tx.state.cached(c.id); ok {
		return k, nil
	}
	k, err := tx.loadCounters(c)
	if err == nil {
		tx.setCounters(k)
	}
	return k, err
}

func (tx *Tx) setCounters(k counters) {
	tx.state.counters = tx.state.counters.with(k)
}

func (tx *Tx) loadCounters(c *Collection) (k counters, err error) {
	k, err = tx.rows.counters(c)
	if err == nil && k.collection == 0 {
		err = fault.NotFound.In("use collection", c.FullName()).Says("the collection was deleted")
	}
	return k, sqlFault(err, "use collection", c.FullName())
}

// LastSequence returns the last sequence given in c, or 0.
func (tx *Tx) LastSequence(c *Collection) (Sequence, error) {
	k, err := tx.figures(c)
	return Sequence(k.last), err
}

// Count returns how many documents c has, tombstones left out.
func (tx *Tx) Count(c *Collection) (uint64, error) {
	k, err := tx.figures(c)
	return uint64(max(k.live, 0)), err
}

// CountSince returns how many documents of c have changed after a sequence, tombstones included.
func (tx *Tx) CountSince(c *Collection, since Sequence) (n uint64, err error) {
	last, err := tx.LastSequence(c)
	if err != nil || since >= last {
		return 0, err
	}
	return tx.rows.countSince(c, since, last)
}

func (tx *Tx) figures(c *Collection) (counters, error) {
	if tx.group != nil {
		if k, ok := tx.state.cached(c.id); ok {
			return k, tx.alive()
		}
	}
	return tx.loadCounters(c)
}
