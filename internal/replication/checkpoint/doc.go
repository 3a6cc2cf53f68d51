// Package checkpoint has the arithmetic of how far a replication has come.
//
// [Local] and [Remote] keep account of the sequences of either side while work goes on. A [Position]
// is what both peers keep of it; where a run starts, both copies [Agree]:
//
//	start := checkpoint.Agree(ours, theirs)
//	local, remote := checkpoint.NewLocal(start.Done), checkpoint.NewRemote(start.Remote)
//
// # Guarantees
//
// A position never passes a sequence that is not complete. Values are pure: no goroutine, file or
// connection. None is safe for concurrent use.
package checkpoint
