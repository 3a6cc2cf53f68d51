package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/query/vector"
)

// keptVectors returns the vectors in memory that the transaction may use, up to the number of a known state. It reads those that are new, unless
// the transaction may still undo them. It returns nil if there is no room, or the transaction is too old.
func (tx *Tx) keptVectors(s nearestSearch, state vectorState) (v *cachedVectors, known knownState, err error) {
	if v = tx.db.vectors.of(state, s.options); v == nil {
		return nil, known, nil
	}
	tx.db.vectors.renew(state, v)
	if tx.group == nil {
		err := tx.loadVectors(s, state, v)
		if errors.Is(err, errNoRoom) {
			return nil, known, nil
		}
		if err != nil {
			return nil, known, err
		}
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	known, ok := v.before(state.version)
	if !ok {
		return nil, known, nil
	}
	return v, known, nil
}

// errNoRoom ends the reading of vectors that the cache does not count.
var errNoRoom = errors.New("no room in the cache")

// loadVectors reads the vectors that have come since the latest state.
func (tx *Tx) loadVectors(s nearestSearch, state vectorState, v *cachedVectors) error {
	done, err := v.load(tx.ctx)
	if err != nil {
		return err
	}
	defer done()
	known, newer := v.resume(state.version)
	if !newer {
		return nil
	}
	full := fullAt(state)
	err = tx.onceTo("run query", vectorsAfter(s), func(row *sqlite3.Stmt) error {
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.gone.Load() || len(v.vectors.numbers) >= full {
			return errNoRoom
		}
		known.number = row.ColumnInt64(0)
		v.vectors.add(known.number, row.ColumnRawBlob(1), v.metric)
		return nil
	}, known.number)
	if err != nil {
		return err
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.know(known)
	return nil
}

// resume prepares for the reading of vectors after the latest state, whose number it returns. It reports false if the state of
// a version is known, or a later one. Vectors of a reading that was cut off are given up.
func (v *cachedVectors) resume(version int64) (known knownState, newer bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) > 0 {
		known = v.known[len(v.known)-1]
	}
	if len(v.known) > 0 && known.version >= version {
		return known, false
	}
	v.vectors = v.vectors.upTo(known.number)
	known.version = version
	return known, true
}

func vectorsAfter(s nearestSearch) string {
	return "SELECT n, vector FROM " + sqlite3.QuoteIdentifier(s.index.Rows()) + " WHERE n > ? AND vector IS NOT NULL ORDER BY n"
}

// measureAfter measures the vectors in the file after a number.
func (tx *Tx) measureAfter(s nearestSearch, from vector.From, after int64, f *measured) error {
	return tx.measureRows(s, from, f, vectorsAfter(s), after)
}

// measureLists measures the vectors in the file that belong to lists.
func (tx *Tx) measureLists(s nearestSearch, from vector.From, lists []int, f *measured) error {
	*f = measured{}
	numbers := strings.Trim(strings.ReplaceAll(fmt.Sprint(lists), " ", ","), "[]")
	return tx.measureRows(s, from, f, "SELECT v.n, v.vector FROM "+sqlite3.QuoteIdentifier(s.index.Members())+" AS m CROSS JOIN "+
		sqlite3.QuoteIdentifier(s.index.Rows())+" AS v ON v.n = m.n WHERE m.list IN ("+numbers+") AND v.vector IS NOT NULL")
}

func (tx *Tx) measureRows(s nearestSearch, from vector.From, f *measured, text string, args ...any) error {
	v := make([]float32, 0, s.options.Dimensions)
	f.numbers = f.numbers[:len(f.numbers):len(f.numbers)] // they may be those of the cache
	return tx.onceTo("run query", text, func(row *sqlite3.Stmt) error {
		if v = vector.FromBytes(v[:0], row.ColumnRawBlob(1)); len(v) != s.options.Dimensions {
			return damaged().In("run query", s.index.Rows())
		}
		f.numbers = append(f.numbers, row.ColumnInt64(0))
		f.distances = append(f.distances, from.Raw(v, 0))
		return nil
	}, args...)
}

// ofLists measures the vectors in memory up to a number that belong to lists, and those whose lists are not known in memory. It reports false
// if the lists in memory are of other centroids, or of a later state than the version: they lack what that no longer has.
func (tx *Tx) ofLists(s nearestSearch, from vector.From, kept *cachedVectors, known knownState, token string, lists []int) (f measured, there bool, err error) {
	if err := tx.loadLists(s, kept, known, token); err != nil {
		return f, false, err
	}
	kept.mu.Lock()
	if kept.trained != token || kept.listedAt > known.version {
		kept.mu.Unlock()
		return f, false, nil
	}
	set := kept.vectors.upTo(known.number)
	var places [][]int32
	for _, list := range lists {
		places = append(places, kept.byList[list][:len(kept.byList[list]):len(kept.byList[list])])
	}
	listed := kept.listed
	kept.mu.Unlock()
	all := slices.Concat(places...)
	for at := listed; at < len(set.numbers); at++ {
		all = append(all, int32(at))
	}
	return set.measured(from, all), true, nil
}

// measured measures the vectors at some places, with all processors.
func (s *vectorSet) measured(from vector.From, places []int32) measured {
	places = slices.DeleteFunc(places, func(at int32) bool { return int(at) >= len(s.numbers) })
	f := measured{numbers: make([]int64, len(places)), distances: make([]float64, len(places))}
	vector.Parallel(len(places), func(first, last int) {
		for i := first; i < last; i++ {
			at := int(places[i])
			f.numbers[i], f.distances[i] = s.numbers[at], from.Raw(s.at(at), s.norm(at))
		}
	})
	return f
}

// loadLists reads which of the vectors in memory belong to which list.
func (tx *Tx) loadLists(s nearestSearch, v *cachedVectors, known knownState, token string) error {
	if tx.group != nil {
		return nil
	}
	done, err := v.load(tx.ctx)
	if err != nil {
		return err
	}
	defer done()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.trained != token {
		all, err := tx.c.queries.Lists(s.index, token)
		if err != nil {
			return err
		}
		v.trained, v.byList, v.listed, v.listedAt = token, make([][]int32, all.Count()), 0, known.version
	}
	numbers := v.vectors.numbers[:v.vectors.count(known.number)]
	at := v.listed
	if at >= len(numbers) {
		return nil
	}
	err = tx.onceTo("run query", "SELECT n, list FROM "+sqlite3.QuoteIdentifier(s.index.Members())+" WHERE n >= ? ORDER BY n", func(row *sqlite3.Stmt) error {
		n, list := row.ColumnInt64(0), row.ColumnInt(1)
		for at < len(numbers) && numbers[at] < n { // it is gone
			at++
		}
		if at < len(numbers) && numbers[at] == n && list >= 0 && list < len(v.byList) {
			v.byList[list] = append(v.byList[list], int32(at))
		}
		return nil
	}, numbers[at])
	if err != nil {
		v.trained = ""
		return err
	}
	v.listed, v.listedAt = len(numbers), known.version
	return nil
}
