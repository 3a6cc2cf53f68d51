// Package bare measures how fast SQLite itself inserts and reads rows on this machine: rows like those of
// [github.com/tandemdb/tandem/internal/store], without that package around them. No rate of
// documents can be higher, so benchmarks compare their rates with it.
//
//	took, err := bare.Insert(ctx, folder, 100_000, 1000, bodies)
package bare
