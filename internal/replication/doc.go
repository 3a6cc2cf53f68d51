// Package replication holds the conversation of two peers over one BLIP connection, in both
// roles and both generations of the protocol (spec/replication.md).
//
// A [Session] is one conversation. The active peer opened the connection and leads, the
// passive one answers; what sends and what receives revisions is the same on both sides:
//
//	session := replication.NewActive(pipe, replication.Active{…})
//	err := session.Run(ctx)
//
// A [Runner] keeps an active session going: it dials, and after an error that may pass it
// tries again.
//
// # Guarantees
//
// What a peer was told is stored, is on its way to disk; what a checkpoint vouches for, is
// on disk. A local sequence counts as done only when the peer has its revision, has refused
// it for good (and the listeners were told), or the revision became obsolete. Each message
// from a peer is bounded in size and number; none can make a session panic or hang: a
// request without progress ends it. Run returns only when no goroutine of the session is left.
package replication
