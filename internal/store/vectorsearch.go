package store

import (
	"errors"
	"time"

	"github.com/tandemdb/tandem/internal/query/eval"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/sql"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/value"
	"github.com/tandemdb/tandem/internal/query/vector"
	"github.com/tandemdb/tandem/internal/store/queries"
)

// nearestSearch is a search of vectors of a query.
type nearestSearch struct {
	index   sql.VectorIndex
	options VectorOptions
	target  []float32
	probes  int
	filters bool // the query has other conditions

	of     *Collection
	record Index
}

// mostTried is how many of the nearest documents are tried before the conditions of a query choose among all.
const mostTried = 2000

// nearestSearches reads the targets of a query's searches, and enters their indexes in its tables.
func (tx *Tx) nearestSearches(q *plan.Query, params map[string]value.Value, tables map[plan.Collection]sql.Table) (all []nearestSearch, err error) {
	for _, n := range q.Nearest {
		of := q.Sources[n.Source].Collection
		c, err := tx.Collection(of.Scope, of.Name)
		if err != nil {
			return nil, err
		}
		r, x, err := tx.vectorIndex(c, q, n)
		if err != nil {
			return nil, err
		}
		t := tables[of]
		if t.Vectors == nil {
			t.Vectors = map[string]sql.VectorIndex{}
		}
		t.Vectors[n.Index] = x
		tables[of] = t
		s := nearestSearch{index: x, options: *r.Vector, probes: r.Vector.probes(), filters: q.Filters(), of: c, record: r.Index}
		if err := s.read(n, params); err != nil {
			return nil, err
		}
		all = append(all, s)
	}
	return all, nil
}

// read reads the target and the number of lists.
func (s *nearestSearch) read(n plan.Nearest, params map[string]value.Value) error {
	v, err := eval.Constant(n.Target, params, time.Local)
	if err != nil {
		return syntax.Failed("%v", err)
	}
	if s.target, err = vector.Of(v, s.options.Dimensions); err != nil {
		return syntax.Failed("the target of APPROX_VECTOR_DISTANCE() is no vector of the index %q: %v", n.Index, err).
			Try("give an array of numbers, or a string with the base64 of float32 numbers in little-endian order")
	}
	if n.Probes == nil {
		return nil
	}
	if v, err = eval.Constant(n.Probes, params, time.Local); err == nil {
		s.probes, err = plan.ProbesOf(v)
	}
	if err != nil {
		return syntax.Failed("%v", err)
	}
	return nil
}

// nearestLimit refuses a limit that is too large for a query that finds the nearest of all vectors.
func nearestLimit(q *plan.Query, v queries.Values) error {
	if len(q.Nearest) > 0 && !q.Filters() && v.Limit > plan.MaxNearest {
		return syntax.Failed("LIMIT is %d, and can be %d at most where no condition chooses the documents", v.Limit, plan.MaxNearest)
	}
	return nil
}

// vectorIndex finds the index that a search uses now. Indexes may have changed since the query was compiled.
func (tx *Tx) vectorIndex(c *Collection, q *plan.Query, n plan.Nearest) (r *indexRecord, x sql.VectorIndex, err error) {
	all, err := tx.vectorIndexes(c)
	if err != nil {
		return nil, x, err
	}
	chosen, err := q.VectorIndex(n, all, -1)
	if err != nil {
		return nil, x, err
	}
	if r, err = tx.indexRecord(c, chosen.Name); err == nil {
		err = r.ready("vector")
	}
	if err == nil {
		x, err = r.vectors(c)
	}
	return r, x, err
}

// nearest returns a search as the statement of a query uses it.
func (tx *Tx) nearest(s nearestSearch) *queries.Nearest {
	n := &queries.Nearest{From: s.options.metric().From(s.target)}
	if s.filters {
		n.Most = mostTried
	}
	n.Ranked = func() (func() (int64, float64, bool), error) {
		f, err := tx.measured(s, n)
		if err != nil {
			return nil, err
		}
		ranking := vector.Rank(f.distances)
		return func() (int64, float64, bool) {
			at, ok := ranking.Next()
			if !ok {
				return 0, 0, false
			}
			return f.numbers[at], n.From.Shown(f.distances[at]), true
		}, nil
	}
	return n
}

// measured are the numbers of vectors with their distances, as [vector.From.Raw] returns them.
type measured struct {
	numbers   []int64
	distances []float64
}

// measured measures the vectors that a search looks at.
func (tx *Tx) measured(s nearestSearch, n *queries.Nearest) (f measured, err error) {
	state, err := tx.vectorState(s.index)
	if err != nil {
		return f, err
	}
	t, err := tx.trained(s.index)
	if err != nil {
		return f, err
	}
	lists, err := tx.closest(s, t)
	if err != nil {
		return f, err
	}
	if tx.group == nil && s.options.isDue(state, t) {
		tx.db.trainer.ask(tx.db, s.of, s.record, state)
	}
	if n.Partial = lists != nil; n.Partial {
		return tx.measureLists(s, n.From, state, t, lists)
	}
	return tx.measureAll(s, n.From, state)
}

// closest returns the lists that an approximate search looks into, nil if it looks at all vectors.
func (tx *Tx) closest(s nearestSearch, t trainedState) ([]int, error) {
	if t.token == "" {
		return nil, nil
	}
	all, err := tx.c.queries.Lists(s.index, t.token)
	if errors.Is(err, queries.ErrCentroids) { // until the index is repaired, a search looks at all vectors
		return nil, nil
	}
	if err != nil || s.probes >= all.Count() {
		return nil, err
	}
	return all.Closest(s.target, s.probes), nil
}
