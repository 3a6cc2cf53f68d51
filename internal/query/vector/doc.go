// Package vector reads vectors of numbers, measures how far they are from each other, and sorts many of them into lists
// of those that lie close together.
//
//	v, err := vector.FromJSON([]byte("[0.25, -1, 3]"), 3)
//	d := vector.Cosine.Distance(v, other)
//
//	lists, err := vector.Train(vector.Cosine, sample, 100, rounds, workers, ctx.Err)
//	n := lists.Nearest(v) // the number of the list of v
//
// A vector is an array of numbers, or a string with the base64 of float32 numbers in little-endian order. Both are kept as
// float32.
package vector
