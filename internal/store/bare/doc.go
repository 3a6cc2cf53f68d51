// Package bare measures what SQLite itself can insert on this machine: rows like those of a
// database of [github.com/tandemdb/tandem/internal/store], with nothing of that package around
// them. No rate of documents can be higher, so it is what rates are compared with.
//
//	took, err := bare.Insert(ctx, folder, 100_000, 1000, bodies)
package bare
