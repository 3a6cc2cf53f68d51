package store

import (
	"cmp"
	"errors"
	"fmt"
	"strings"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/query/plan"
	"github.com/tandemdb/tandem/internal/query/sql"
	"github.com/tandemdb/tandem/internal/query/syntax"
	"github.com/tandemdb/tandem/internal/query/vector"
	"github.com/tandemdb/tandem/internal/store/queries"
)

// VectorOptions describe a vector index.
type VectorOptions struct {
	Dimensions  int    `json:"dimensions"`
	Metric      string `json:"metric"`                // as vector.Metric names it
	Centroids   int    `json:"centroids,omitempty"`   // lists of an approximate index; 0 for an exact one
	Probes      int    `json:"probes,omitempty"`      // how many lists a query searches; 0 for the default
	MinTraining int    `json:"minTraining,omitempty"` // vectors to begin with lists; 0 for the default
	MaxTraining int    `json:"maxTraining,omitempty"` // vectors that the centroids are made of at most; 0 for the default
	Lazy        bool   `json:"lazy,omitempty"`        // the program sets the vectors
}

// The defaults, for each centroid, and how many lists at least and which part of them a query searches.
const (
	minTrainingEach = 25
	maxTrainingEach = 32
	leastProbes     = 8
	probedPart      = 8
)

// retrainGrowth is how many times as many vectors as before make it worth to divide them into lists anew.
const retrainGrowth = 4

// minTraining returns how many vectors the index has before it is trained.
func (o VectorOptions) minTraining() int64 {
	return int64(cmp.Or(o.MinTraining, minTrainingEach*o.Centroids))
}

func (o VectorOptions) maxTraining() int64 {
	return max(o.minTraining(), int64(cmp.Or(o.MaxTraining, maxTrainingEach*o.Centroids)))
}

func (o VectorOptions) probes() int {
	return cmp.Or(o.Probes, max(leastProbes, o.Centroids/probedPart))
}

func (o VectorOptions) metric() vector.Metric {
	m, _ := vector.ParseMetric(o.Metric) // checked when the index was created
	return m
}

func (o VectorOptions) check(name string) error {
	wrong := func(format string, args ...any) error {
		return fault.Invalid.In("create index", name).Says(format, args...)
	}
	_, known := vector.ParseMetric(o.Metric)
	switch {
	case o.Dimensions < vector.MinDimensions || o.Dimensions > vector.MaxDimensions:
		return wrong("vectors of an index have %d to %d dimensions, and not %d", vector.MinDimensions, vector.MaxDimensions, o.Dimensions)
	case !known:
		return fault.Invalid.In("create index", name).Says("there is no metric %q", o.Metric).
			Try("use one of " + strings.Join(vector.Metrics(), ", "))
	case o.Centroids < 0 || o.Centroids > vector.MaxLists:
		return wrong("an index has 1 to %d centroids, or 0 for an exact one, and not %d", vector.MaxLists, o.Centroids)
	case o.Probes < 0 || o.MinTraining < 0 || o.MaxTraining < 0:
		return wrong("a number of a vector index is negative")
	case o.MaxTraining > 0 && int64(o.MaxTraining) < o.minTraining():
		return wrong("the largest number of vectors to train with, %d, is below the smallest, %d", o.MaxTraining, o.minTraining())
	case o.Centroids == 0 && (o.Probes > 0 || o.MinTraining > 0 || o.MaxTraining > 0):
		return wrong("an index without centroids is exact, and has nothing to train or probe")
	}
	return nil
}

func vectorName(c *Collection, name string) string { return forCollection("vector_#_", c.id) + name }

// vectors returns a vector index.
func (i Index) vectors(c *Collection) (x sql.VectorIndex, err error) {
	if err := i.Vector.check(i.Name); err != nil {
		return x, err
	}
	x = sql.VectorIndex{
		Name: vectorName(c, i.Name), Docs: forCollection("docs_#", c.id),
		Dimensions: i.Vector.Dimensions, Lists: i.Vector.Centroids > 0, Lazy: i.Vector.Lazy,
	}
	terms, where, err := i.bound(plan.Expressions)
	if err != nil {
		return x, err
	}
	if len(terms) != 1 {
		return x, syntax.Errorf(0, "a vector index has one expression, and not %d", len(terms))
	}
	if plan.IsConstant(terms[0]) {
		return x, syntax.Errorf(0, "the expression of a vector index reads nothing of the document")
	}
	x.Where = where
	x.Vector, _ = plan.Uncollated(terms[0])
	return x, nil
}

// enterVectors lets documents of a range of sequences enter a vector index.
func (tx *Tx) enterVectors(c *Collection, i Index, after, last Sequence) error {
	x, err := i.vectors(c)
	if err == nil && x.Lazy { // an index that is built anew keeps vectors
		err = tx.once(x.Stale(), nil, int64(after), int64(last))
	}
	if err != nil {
		return err
	}
	return tx.once(x.Fill(), nil, int64(after), int64(last))
}

// VectorIndexes implements [plan.Catalog].
func (c catalog) VectorIndexes(of plan.Collection) []plan.VectorIndex {
	coll, err := c.tx.Collection(of.Scope, of.Name)
	if err != nil {
		return nil
	}
	all, _ := c.tx.vectorIndexes(coll) // an error makes the query fail that needs the index
	return all
}

// vectorIndexes returns the vector indexes of c by name.
func (tx *Tx) vectorIndexes(c *Collection) (all []plan.VectorIndex, err error) {
	err = tx.eachIndex(c, func(r indexRecord) error {
		if r.Vector == nil {
			return nil
		}
		x, err := r.vectors(c)
		all = append(all, plan.VectorIndex{
			Name: r.Name, Vector: x.Vector, Metric: r.Vector.metric(), Where: x.Where, Ready: r.ready("vector") == nil,
		})
		return err
	})
	return all, err
}

// vectorDamage compares a vector index with the documents.
func (tx *Tx) vectorDamage(c *Collection, i Index) (what string, err error) {
	x, err := i.vectors(c)
	if err != nil {
		return "", err
	}
	steps := []func() (string, error){
		func() (string, error) { return tx.missingPart(x.Parts()) },
		func() (string, error) {
			return tx.firstOf(x.Differs(), "it has another vector of document %q than the document")
		},
		func() (string, error) {
			return tx.firstOf(x.Strays(), "it has a vector of document %q, which is not there")
		},
		func() (string, error) { return tx.wrongCount(x) },
	}
	if x.Lists {
		steps = append(steps, func() (string, error) { return tx.unlisted(x) })
	}
	for _, step := range steps {
		what, err := step()
		err = readable(err, &what)
		if err != nil || what != "" {
			return what, err
		}
	}
	return "", nil
}

// firstOf describes the first of the IDs that a query finds.
func (tx *Tx) firstOf(text, format string) (what string, err error) {
	err = tx.once(text+" LIMIT 1", func(s *sqlite3.Stmt) error {
		what = fmt.Sprintf(format, s.ColumnText(0))
		return nil
	})
	return what, err
}

func (tx *Tx) wrongCount(x sql.VectorIndex) (what string, err error) {
	state, err := tx.vectorState(x)
	if err != nil {
		return "", err
	}
	err = tx.once(`SELECT count(vector), count(*) - count(vector) FROM `+sqlite3.QuoteIdentifier(x.Rows()), func(s *sqlite3.Stmt) error {
		if n, empty := s.ColumnInt64(0), s.ColumnInt64(1); n != state.live || empty != state.empty {
			what = fmt.Sprintf("it has %d vectors and %d documents without one, and says that it has %d and %d", n, empty, state.live, state.empty)
		}
		return nil
	})
	return what, err
}

func (tx *Tx) unlisted(x sql.VectorIndex) (what string, err error) {
	tx.c.queries.ForgetLists()
	tx.db.vectors.forgetShared()
	t, err := tx.trained(x)
	if err != nil {
		return "", err
	}
	for _, token := range []string{t.token, t.next} {
		if token == "" {
			continue
		}
		if _, err := tx.c.queries.Lists(x, token); errors.Is(err, queries.ErrCentroids) {
			return err.Error(), nil
		}
	}
	err = tx.once(x.Unlisted(t.slot), func(s *sqlite3.Stmt) error {
		if n := s.ColumnInt64(0); n > 0 {
			what = fmt.Sprintf("%d vectors are in a wrong list or in none, or are gone", n)
		}
		return nil
	})
	return what, err
}

// vectorState is what an index knows of its vectors.
type vectorState struct {
	token   string
	version int64
	live    int64
	empty   int64 // documents whose value is no vector
}

func (tx *Tx) vectorState(x sql.VectorIndex) (v vectorState, err error) {
	err = tx.once(`SELECT token, version, live, empty FROM `+sqlite3.QuoteIdentifier(x.State()), func(s *sqlite3.Stmt) error {
		v = vectorState{s.ColumnText(0), s.ColumnInt64(1), max(0, s.ColumnInt64(2)), max(0, s.ColumnInt64(3))}
		return nil
	})
	return v, err
}

// trainedState is what an index has of lists.
type trainedState struct {
	token string // of the centroids that all vectors have lists of; "" if there are none yet
	slot  int    // of these
	size  int64  // vectors that there were when they were found
	next  string // the token of the centroids that are to take their place; "" for none
}

func (tx *Tx) trained(x sql.VectorIndex) (t trainedState, err error) {
	if !x.Lists {
		return t, nil
	}
	err = tx.once(`SELECT token, slot, size, position IS NULL FROM `+sqlite3.QuoteIdentifier(x.Trained()), func(s *sqlite3.Stmt) error {
		if !s.ColumnBool(3) {
			t.next = s.ColumnText(0)
			return nil
		}
		t.token, t.slot, t.size = s.ColumnText(0), s.ColumnInt(1), s.ColumnInt64(2)
		return nil
	})
	if t.slot < 0 || t.slot >= sql.Slots {
		return t, damaged().In("run query", x.Trained())
	}
	return t, err
}

// isDue reports whether the vectors of an index are to be divided into lists: for the first time, or anew since there are many
// more than before. A division that was cut off goes on.
func (o VectorOptions) isDue(state vectorState, t trainedState) bool {
	switch {
	case o.Centroids == 0:
		return false
	case t.token == "":
		return state.live >= o.minTraining()
	}
	return t.next != "" || state.live/retrainGrowth >= max(1, t.size)
}
