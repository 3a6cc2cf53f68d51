// Package document knows the JSON text of documents: what is valid, what a body refers to, how
// it looks to a Sync Gateway, and what documents and collections may be called.
//
// A body from a peer or a program is checked once, when it arrives:
//
//	body, info, err := document.Compact(received)
//	if err != nil {
//		return err // fault.BadJSON or fault.CorruptRevision, with the place in its message
//	}
//	if info.HasBlobs {
//		blobs, err := document.Blobs(body)
//		…
//
// # Guarantees
//
// Text is never decoded and encoded again: numbers, strings and the order of keys stay as
// they were written. All functions are pure, never change their arguments, and may return a part of
// one. None panics on foreign text, and the memory of each is bounded by the size of its input.
package document
