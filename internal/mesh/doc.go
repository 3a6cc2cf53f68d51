// Package mesh keeps a member of a mesh connected: it knows peers, links, candidates and addresses,
// and nothing of documents.
//
// A [Node] lets package overlay decide who connects to whom, and does what it says. Its caller
// dials, and holds the conversation of each link:
//
//	node := mesh.New(mesh.Config{Self: id, Dial: dial, Serve: serve})
//	go node.Run(ctx)
//	…
//	node.Accept(conn) // what others have dialled
//
// Peers are found in three ways at once: at addresses given by hand, which are tried for ever; by
// DNS-SD on the local networks; and by what neighbours tell each other, in messages over the links.
// An address is a hint. The ID of a [Conn] is proved.
//
// # Guarantees
//
// A neighbour's messages are bounded in size and rate; one that exceeds them loses its link. Run
// returns when no goroutine of the node is left.
package mesh
