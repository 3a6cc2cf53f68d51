package fuzzing

import (
	"runtime"
	"testing"
)

// What Bounded allows a decoder, in bytes.
const (
	once    = 1 << 20 // whatever the input: buffers, tables, an error's text
	perByte = 512     // a value of the least JSON text, in slices that grew to hold it
)

// Bounded does work on size foreign bytes, and fails the test if that allocated more than a megabyte and 512 bytes
// for each of them.
func Bounded(t testing.TB, size int, work func()) {
	t.Helper()
	Within(t, once+perByte*uint64(size), work)
}

// Within does work, and fails the test if that allocated more than most bytes. All that is allocated counts, also
// what was given back and what other goroutines took meanwhile: that bounds what was held at any time.
func Within(t testing.TB, most uint64, work func()) {
	t.Helper()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	work()
	runtime.ReadMemStats(&after)
	if taken := after.TotalAlloc - before.TotalAlloc; taken > most {
		t.Errorf("%d bytes were allocated, want at most %d", taken, most)
	}
}
