// Package revision holds the IDs of document revisions and the rules about them: which of two is
// newer, what ID an edit or a merge gets, and whether a peer's offer is wanted.
//
// A revision has one of two forms. An [ID] may have either:
//
//	tree     3-66c183b8980c2066      third generation of a document, and a digest
//	version  18a3f2c1d5e70000@AbCd…  written at a time by a source
//
// A [Rev] is an ID with its [History]. [Compare] handles every combination of forms:
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
// Everything here is a pure value or a pure function. Nothing changes in place, so goroutines may
// share all of it. Text is always written in the strict form, even if it was read in a lenient one.
// Malformed text gives the error [fault.BadRevisionID] and never a panic.
package revision
