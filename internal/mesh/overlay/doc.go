// Package overlay decides who of a mesh connects to whom. It is a state machine without network and
// clock: events go in, with the time at which they happen, and [Overlay.Tick] returns what to do.
//
//	o := overlay.New(overlay.Config{Self: id, Rand: random})
//	o.Seen(now, other, []string{"192.0.2.7:4984"})
//	for _, action := range o.Tick(now) {
//		… // Dial, Say, Drop
//	}
//
// # The rule
//
// All peers stand on a ring, in the order of a hash of their IDs. Each one wants a link to its
// successor, and to two more peers that hashes of its own ID with theirs choose, so that the choice
// is random to others and stays when further peers come and go. A link serves both ends: the one
// who dialled does not matter. Links that neither end wants are dropped after a while.
//
// A peer that does not answer twice, or is full, is passed over for a time that grows, and the next
// one in the order is taken. Until a wanted link stands, the one that served in its place is kept. A peer
// with more links than its limit gives up links that it does not want itself, unless they are the other
// end's only way or lead to its own successor.
//
// # Liars
//
// A neighbour vouches for the peers that it names as its own neighbours, and for those of its first
// message, which it has met. When a few peers that are known by hearsay do not answer, only those
// count for minutes that this one has met, or that a neighbour vouches for: hearsay of others is
// neither sought, nor believed, nor passed on. A neighbour that has vouched for many that do not answer
// is not believed either. What a peer says of itself, over a link, counts before what others say of it.
// Peers that were met are always tried, and their records are passed on first. So a member that makes
// up peers does not part the others.
//
// # What peers know
//
// Each peer has a [Record]: its addresses and the links that it has now, with a version that it
// alone raises. Records flow over all links when they change, and never otherwise. Who can be
// reached over links of records is online, without any clock: a peer that has died is in the record
// of nobody who lives.
//
// # Guarantees
//
// Records are hints: they are bounded in number, size and rate, and a wrong one costs an attempt to
// connect. Methods are not safe for concurrent use.
package overlay
