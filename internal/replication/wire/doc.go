// Package wire has the forms of the replication protocol: the names of
// messages and properties, and what their bodies and error replies say, as bytes and as values.
//
//	changes, err := wire.ParseChanges(req.Body, store.MaxBody)
//	…
//	req.Reply(&blip.Message{Body: wire.AppendAnswers(nil, answers)})
//
// It knows no database and no session, and decides nothing.
//
// # Guarantees
//
// What a parser takes may come from anywhere: it never panics, and what it returns is bounded by the
// size of what it was given. An entry that makes no sense spoils itself (Bad), a body that is no array
// of entries the message.
package wire
