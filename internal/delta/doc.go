// Package delta describes how one JSON body becomes another, in the form that peers exchange:
//
//	d, err := delta.Diff(base, body) // the sender, when the peer has base
//	…
//	body, err := delta.Apply(base, d) // the receiver
//
// # Guarantees
//
// Apply(old, Diff(old, new)) equals new by value, and what did not change keeps its text and
// its place. Both functions are pure. A delta from a peer never causes a panic, and what it makes is not
// larger than base and delta together, nor deeper than a document may be.
package delta
