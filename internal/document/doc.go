// Package document handles the JSON text of documents: its validity, the blobs it refers to, its
// form for a Sync Gateway, and the names of documents and collections.
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
// No function decodes and re-encodes text: numbers, strings and the order of keys stay as they were
// written. All functions are pure, never change their arguments, and may return a part of one. None
// panics on foreign text, and the memory of each is bounded by the size of its input.
package document
