package tandem_test

import (
	"context"
	"fmt"

	"github.com/tandemdb/tandem"
)

// APPROX_VECTOR_DISTANCE finds the documents whose vectors are the nearest to a target.
func ExampleVectorIndex() {
	hotels, remove := exampleHotels()
	defer remove()
	ctx := context.Background()

	for name, place := range map[string][]float32{"Hill": {0, 1}, "Shore": {1, 0.1}, "Harbour": {0.9, 0.2}} {
		ensure(hotels.Put(ctx, name, map[string]any{"name": name, "place": place}))
	}
	ensure(hotels.CreateIndex(ctx, "near", tandem.VectorIndex{Expression: "place", Dimensions: 2, Metric: tandem.CosineMetric}))
	const text = "SELECT name FROM _ ORDER BY APPROX_VECTOR_DISTANCE(place, $target) LIMIT 2"
	for row, err := range hotels.Database().Query(ctx, text, tandem.Parameters{"target": []float32{1, 0}}) {
		ensure(err)
		fmt.Println(row.ValueAt(0))
	}
	// Output:
	// Shore
	// Harbour
}

// Each metric has a name.
func ExampleVectorMetric() {
	fmt.Println(tandem.EuclideanSquaredMetric, tandem.EuclideanMetric, tandem.CosineMetric, tandem.DotMetric)
	// Output: euclideanSquared euclidean cosine dot
}

// A program sets the vectors of a lazy index.
func ExampleCollection_BeginVectorUpdate() {
	hotels, remove := exampleHotels()
	defer remove()
	ctx := context.Background()

	ensure(hotels.Put(ctx, "a", map[string]any{"story": "a long story"}))
	ensure(hotels.CreateIndex(ctx, "near", tandem.VectorIndex{Expression: "story", Dimensions: 2, Lazy: true}))
	var u *tandem.VectorUpdate = got(hotels.BeginVectorUpdate(ctx, "near", 100))
	for i := range u.Count() {
		if u.ID(i) == "not yet" {
			u.SkipVector(i)
			continue
		}
		u.SetVector(i, []float32{float32(len(u.Value(i))), 1}) // by a model of a language, say
	}
	ensure(u.Finish(ctx))
	fmt.Println(got(hotels.Database().QueryCount(ctx, "SELECT 1 FROM _ ORDER BY APPROX_VECTOR_DISTANCE(story, [14, 1]) LIMIT 1")))
	// Output: 1
}
