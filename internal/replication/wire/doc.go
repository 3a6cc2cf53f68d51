// Package wire converts the messages of the replication protocol between bytes and values: the
// names of messages and properties, their bodies, and the error replies.
//
//	changes, err := wire.ParseChanges(req.Body, store.MaxBody)
//	…
//	req.Reply(&blip.Message{Body: wire.AppendAnswers(nil, answers)})
//
// It depends on no database and no session, and takes no decisions.
//
// # Guarantees
//
// A parser accepts any input: it never panics, and its result is bounded by the size of the input.
// An invalid entry (Bad) affects only itself; a body that is not an array of entries fails the
// message.
package wire
