package store

import (
	"errors"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/query/vector"
)

// reading is what reads the vectors of an index, or of a list, that have numbers above one.
type reading func(after int64, row func(*sqlite3.Stmt) error) error

// readAll reads all vectors of an index.
func (tx *Tx) readAll(s nearestSearch) reading {
	text := "SELECT n, vector FROM " + sqlite3.QuoteIdentifier(s.index.Rows()) + " WHERE n > ? AND vector IS NOT NULL ORDER BY n"
	return func(after int64, row func(*sqlite3.Stmt) error) error {
		return tx.onceTo("run query", text, row, after)
	}
}

// kept returns the vectors that the cache has under a key, and which others read has to read from the file. n
// tells how many there are; it is called if the cache has none.
func (tx *Tx) kept(s nearestSearch, key cacheKey, state vectorState, n func() (int64, error), read reading) (set vectorSet, rest restOf, err error) {
	rest = restOf{read: read, any: true}
	v := tx.db.vectors.find(key)
	if v == nil || key.trained == "" {
		live, err := n()
		if err != nil {
			return set, rest, err
		}
		if v = tx.db.vectors.of(key, live, s.options); v == nil {
			return set, rest, nil
		}
	}
	if tx.group == nil { // others may not see yet what the transaction does
		err := tx.loadVectors(state.version, v, read)
		if errors.Is(err, errNoRoom) {
			tx.db.vectors.drop(v)
			return set, rest, nil
		}
		if err != nil {
			return set, rest, err
		}
	}
	set, known, ok := v.usable(state.version)
	if ok {
		rest.after, rest.any = known.number, known.version < state.version
	}
	return set, rest, nil
}

// restOf are the vectors that have to be read from the file: those above a number, if there are any.
type restOf struct {
	read  reading
	after int64
	any   bool
}

// errNoRoom ends the reading of vectors that the cache does not count.
var errNoRoom = errors.New("no room in the cache")

// loadVectors reads the vectors that have come since the latest state.
func (tx *Tx) loadVectors(version int64, v *cachedVectors, read reading) error {
	done, err := v.load(tx.ctx)
	if err != nil {
		return err
	}
	defer done()
	known, newer := v.resume(version)
	if !newer {
		return nil
	}
	err = read(known.number, func(row *sqlite3.Stmt) error {
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.gone.Load() || len(v.vectors.numbers) >= v.most {
			return errNoRoom
		}
		known.number = row.ColumnInt64(0)
		v.vectors.add(known.number, row.ColumnRawBlob(1), v.metric)
		return nil
	})
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

// measureRest measures the vectors that are read from the file.
func measureRest(s nearestSearch, from vector.From, f *measured, r restOf) error {
	if !r.any {
		return nil
	}
	v := make([]float32, 0, s.options.Dimensions)
	f.numbers = f.numbers[:len(f.numbers):len(f.numbers)] // they may be those of the cache
	return r.read(r.after, func(row *sqlite3.Stmt) error {
		if v = vector.FromBytes(v[:0], row.ColumnRawBlob(1)); len(v) != s.options.Dimensions {
			return damaged().In("run query", s.index.Rows())
		}
		f.numbers = append(f.numbers, row.ColumnInt64(0))
		f.distances = append(f.distances, from.Raw(v, 0))
		return nil
	})
}

// measureLists measures the vectors of lists. Only these are read into memory.
func (tx *Tx) measureLists(s nearestSearch, from vector.From, state vectorState, t trainedState, lists []int) (f measured, err error) {
	count := "SELECT count(*) FROM " + sqlite3.QuoteIdentifier(s.index.Members(t.slot)) + " WHERE list = ?"
	if err := tx.alive(); err != nil {
		return f, err
	}
	listed, _, err := tx.c.Prepare(s.index.Listed(t.slot))
	if err != nil {
		return f, sqlFault(err, "run query", tx.db.path)
	}
	defer listed.Close()
	var sets []vectorSet
	var rests []restOf
	for _, list := range lists {
		n := func() (n int64, err error) {
			err = tx.onceTo("run query", count, func(row *sqlite3.Stmt) error { n = row.ColumnInt64(0); return nil }, int64(list))
			return n, err
		}
		read := func(after int64, row func(*sqlite3.Stmt) error) error {
			return sqlFault(query(listed, row, int64(list), after), "run query", tx.db.path)
		}
		set, rest, err := tx.kept(s, cacheKey{state.token, t.token, list}, state, n, read)
		if err != nil {
			return f, err
		}
		sets, rests = append(sets, set), append(rests, rest)
	}
	f = measureSets(from, sets)
	for _, rest := range rests {
		if err := measureRest(s, from, &f, rest); err != nil {
			return f, err
		}
	}
	return f, nil
}

// measureAll measures all vectors of an index.
func (tx *Tx) measureAll(s nearestSearch, from vector.From, state vectorState) (f measured, err error) {
	set, rest, err := tx.kept(s, cacheKey{index: state.token}, state, func() (int64, error) { return state.live, nil }, tx.readAll(s))
	if err != nil {
		return f, err
	}
	f = measured{numbers: set.numbers, distances: make([]float64, len(set.numbers))}
	vector.Parallel(len(set.numbers), func(first, last int) { set.measureInto(f.distances, from, first, last) })
	return f, measureRest(s, from, &f, rest)
}
