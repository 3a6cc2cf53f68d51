// Package replication holds the conversation of two peers over one BLIP connection, in both roles
// and both generations of the protocol.
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
//
// # Reading order
//
// From top to bottom; a file uses what stands below it. internal/house checks that, and names the few
// exceptions.
//
//	runner.go, runnerduty.go, asking.go           keep a session going
//	explain.go                                   where a document stands, without a session
//	active.go, meeting.go, passive.go            the roles: what one side does, and the other not
//	session.go, dispatch.go, watch.go            one conversation
//	exchange.go                                  the parts that work on one collection
//	puller.go, offers.go, proposals.go           pull: what is wanted
//	effects.go                                   pull: what an announcement makes of our head
//	receiver.go, arrival.go, blobfetch.go        pull: from message to row
//	intake.go, pullside.go, wanted.go            pull: what is shared, and what differs by role
//	parents.go                                   pull: for which parents proposals were accepted
//	conflicts.go                                 resolution
//	pushslot.go                                  what the pull tells the push
//	pusher.go, notices.go, pushmessages.go       push: the loop around the outbox
//	feed.go, taken.go, sender.go, legacytail.go  push: reading, marking and writing revisions
//	pushside.go, held.go, pushstatus.go          push: what differs by role, and what others see
//	peercheckpoint.go, blobsend.go, sameness.go  what a peer may ask for
//	checkpointer.go, mirror.go, position.go      how far: both copies, and in a mesh two more
//	collection.go, ledger.go                     one collection: options, and what became of its documents
//	blobaccess.go                                which blobs a peer with limited rights was told of
//	refusal.go, ahead.go, forbidden.go           what was refused, for good or for now
//	engine.go, tasks.go, link.go, trouble.go     what all of a session share
//	both.go, dialect.go                          how the peer names revisions
//	access.go, filter.go, config.go, mesh.go, fetches.go, progress.go, gateway.go
//	acquaintance.go                              what a remote speaks, whatever it accepts
//	records.go, faults.go, limits.go, inbox.go, behind.go
package replication
