// Package revision holds the names of document revisions and what follows from them: which of
// two is newer, what an edit or a merge is called, and whether a peer's offer is wanted.
//
// A revision has one of two forms, and an [ID] may be of either:
//
//	tree     3-66c183b8980c2066      third generation of a document, and a digest
//	version  18a3f2c1d5e70000@AbCd…  written at a time by a source
//
// A [Rev] is an ID with its [History], and [Compare] answers for every combination:
//
//	incoming, err := revision.ParseRev(id, history) // properties of a rev message
//	if err != nil {
//		return err
//	}
//	switch revision.Receive(local, deleted, known, incoming) {
//	case revision.Newer:
//		…
//
// # Guarantees
//
// Everything here is a pure value or a pure function: nothing is changed in place, so all of it
// may be shared by goroutines. Text written is always the strict form, whatever was read.
// Malformed text gives an error that is [fault.BadRevisionID], never a panic.
package revision
