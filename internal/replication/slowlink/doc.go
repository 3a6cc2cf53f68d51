// Package slowlink holds the proof that a slow link is used well: two databases, a replicator and
// a listener on real connections with TLS, and between them a wire of so many bits a second that
// delivers after a delay. It has tests only.
package slowlink
