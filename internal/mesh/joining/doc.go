// Package joining lets one device into a group by one code. It knows codes, proofs and the two
// messages, and nothing of certificates, groups and files; docs/protocol/joining.md describes it.
//
//	code := joining.NewCode()
//	…
//	joining.Answer(conn, desk)                   // the inviter, for each connection of [Protocol]
//	grant, err := joining.Ask(conn, code, name)  // the joiner
//
// # Guarantees
//
// The secret of a code is never sent. A joiner takes a grant only of an inviter that has proved the
// secret on this connection, and an inviter grants only to a joiner that has. Proofs are compared in
// constant time. Messages are bounded.
package joining
