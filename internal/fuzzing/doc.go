// Package fuzzing is what the fuzz tests of the decoders share: seeds that real peers said, and a bound on memory.
//
//	for _, m := range fuzzing.Recorded("changes") {
//		f.Add(m.Body)
//	}
//	f.Fuzz(func(t *testing.T, body []byte) {
//		fuzzing.Bounded(t, len(body), func() { parseChanges(body) })
//	})
//
// Nothing in it is for production.
package fuzzing
