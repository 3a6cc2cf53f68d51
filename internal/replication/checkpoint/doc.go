// Package checkpoint computes how far a replication has come.
//
// [Local] and [Remote] track the sequences of either side during a session. A [Position] is the
// saved form, of which both peers keep a copy; a session starts where both copies [Agree]:
//
//	start := checkpoint.Agree(ours, theirs)
//	local, remote := checkpoint.NewLocal(start.Done), checkpoint.NewRemote(start.Remote)
//
// # Guarantees
//
// A position never passes a sequence that is not complete. Values are pure: no goroutine, file or
// connection. None is safe for concurrent use.
package checkpoint
