package tandem

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// VectorMetric tells how the distance of two vectors is measured.
type VectorMetric string

// The metrics.
const (
	// EuclideanSquaredMetric is the square of the Euclidean distance.
	EuclideanSquaredMetric VectorMetric = "euclideanSquared"

	// EuclideanMetric is the Euclidean distance.
	EuclideanMetric VectorMetric = "euclidean"

	// CosineMetric is 1 minus the cosine of the angle between the vectors.
	CosineMetric VectorMetric = "cosine"

	// DotMetric is the negative dot product.
	DotMetric VectorMetric = "dot"
)

// VectorIndex lets queries find the documents whose vectors are the nearest to a target, with
// APPROX_VECTOR_DISTANCE. Queries name its expression, and fail without the index.
type VectorIndex struct {
	// Expression gives the vector of a document: an array of numbers, or a string with the base64
	// of float32 numbers in little-endian order. A document is not in the index if that is another
	// value, has another number of dimensions, or numbers that float32 cannot hold.
	Expression string

	// Dimensions is how many numbers a vector has: 2 to 4096.
	Dimensions int

	// Metric is how distances are measured. "" means [EuclideanSquaredMetric].
	Metric VectorMetric

	// Centroids makes searches look only into those of so many lists that lie close to the target:
	// quicker, and approximate. About the square root of the number of documents is good, 64,000
	// the most. Zero means no lists: searches look at all vectors and are exact.
	Centroids int

	// Probes is how many lists a search looks into, unless the query says it. Zero means an
	// eighth of Centroids, and 8 at least.
	Probes int

	// MinTraining is how many vectors there are before lists are made; until then searches are
	// exact. MaxTraining is how many of the vectors the lists are derived from, at most. Zero means
	// 25 and 32 for each of Centroids. A search that finds four times as many vectors as the lists
	// were derived for has them made anew, in the background.
	MinTraining, MaxTraining int

	// Lazy leaves it to the program to make the vectors, out of the values of Expression: see
	// [Collection.BeginVectorUpdate]. A document is found once its vector is set.
	Lazy bool

	// Where is a condition on the document, as in [ValueIndex].Where. The index serves searches of
	// queries that have the condition too.
	Where string

	// Progress reports the building, as [ValueIndex].Progress does.
	Progress func(done, total int64)
}

func (i VectorIndex) definition(name string) (store.Index, store.Progress, error) {
	metric := i.Metric
	if metric == "" {
		metric = EuclideanSquaredMetric
	}
	o := &store.VectorOptions{
		Dimensions: i.Dimensions, Metric: string(metric), Centroids: i.Centroids, Probes: i.Probes,
		MinTraining: i.MinTraining, MaxTraining: i.MaxTraining, Lazy: i.Lazy,
	}
	return store.Index{Name: name, Expressions: []string{i.Expression}, Where: i.Where, Vector: o}, i.Progress, nil
}

// vectorIndexOf returns what describes an index, nil if that is no vector index.
func vectorIndexOf(i store.Index) *VectorIndex {
	o := i.Vector
	if o == nil {
		return nil
	}
	return &VectorIndex{
		Expression: i.Expressions[0], Dimensions: o.Dimensions, Metric: VectorMetric(o.Metric), Centroids: o.Centroids,
		Probes: o.Probes, MinTraining: o.MinTraining, MaxTraining: o.MaxTraining, Lazy: o.Lazy, Where: i.Where,
	}
}

// VectorUpdate has documents of a lazy [VectorIndex] whose vectors are to be set. One goroutine at
// a time may use it.
type VectorUpdate struct {
	c     *Collection
	index string
	all   []store.LazyVector
	set   []bool
}

// BeginVectorUpdate returns documents of a lazy index that have no vectors yet, or whose values have
// changed: at most a number of them, which must be positive, those first that have waited the
// longest. If there are none, Count is 0. The
// program sets the vectors, and calls [VectorUpdate.Finish]:
//
//	for {
//		u, err := hotels.BeginVectorUpdate(ctx, "vectors", 100)
//		if err != nil || u.Count() == 0 {
//			return err
//		}
//		for i := range u.Count() {
//			u.SetVector(i, embed(u.Value(i)))
//		}
//		if err := u.Finish(ctx); err != nil {
//			return err
//		}
//	}
//
// It fails with [ErrNotFound] if there is no such index or collection, and with [ErrInvalid] if the index is not
// lazy.
func (c *Collection) BeginVectorUpdate(ctx context.Context, index string, limit int) (u *VectorUpdate, err error) {
	if limit <= 0 {
		return nil, fault.Invalid.In("update index", index).Says("the limit is %d, want 1 or more", limit)
	}
	u = &VectorUpdate{c: c, index: index}
	err = c.db.view(ctx, func(tx *store.Tx) error {
		u.all, err = tx.LazyVectors(c.coll, index, limit)
		return err
	})
	u.set = make([]bool, len(u.all))
	return u, err
}

// Count returns the number of documents.
func (u *VectorUpdate) Count() int { return len(u.all) }

// ID returns the ID of document i, from 0.
func (u *VectorUpdate) ID(i int) string { return u.all[i].ID }

// Value returns the value that the expression of the index has for document i, as JSON.
func (u *VectorUpdate) Value(i int) json.RawMessage { return json.RawMessage(u.all[i].Source) }

// SetVector sets the vector of document i. nil means that the document has none; it is not asked
// for again until its value changes. Other vectors that are not of the index are [ErrInvalid] when
// Finish is called.
func (u *VectorUpdate) SetVector(i int, vector []float32) {
	u.all[i].Vector, u.set[i] = slices.Clone(vector), true
}

// SkipVector leaves document i for a later update, after the others that wait. A document that is not
// mentioned is left as well.
func (u *VectorUpdate) SkipVector(i int) { u.all[i].Vector, u.set[i] = nil, false }

// Finish stores the vectors that were set, in one transaction or in that of ctx. A document whose
// value has changed meanwhile is left for a later update.
func (u *VectorUpdate) Finish(ctx context.Context) error {
	for i := range u.all {
		u.all[i].Skip = !u.set[i]
	}
	return u.c.db.update(ctx, func(tx *store.Tx) error { return tx.SetLazyVectors(u.c.coll, u.index, u.all) })
}
