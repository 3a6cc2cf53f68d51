// Package delta describes the difference between two JSON bodies, in the form that peers exchange:
//
//	d, err := delta.Diff(base, body) // the sender, when the peer has base
//	…
//	body, err := delta.Apply(base, d) // the receiver
//
// # Guarantees
//
// Apply(old, Diff(old, new)) equals new by value, and unchanged parts keep their text and place.
// Both functions are pure. A delta from a peer never causes a panic. Its result is not larger than
// base and delta together, and not deeper than a document may be.
package delta
