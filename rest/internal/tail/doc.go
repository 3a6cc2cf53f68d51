// Package tail gives any number of readers the changes of collections, each change read and encoded
// once for all of them.
//
// A [Pool] has a tail for each collection that somebody follows: a goroutine that reads new changes
// and keeps the latest in a ring. A [Reader] that has read up to a sequence takes the changes after it
// from the ring if they are there, and otherwise reads a page of the collection:
//
//	wake := make(chan struct{}, 1)
//	r, last, err := pool.Follow(ctx, coll, false, wake)
//	…
//	defer r.Close()
//	for r.Seek(last); ; {
//		events, err := r.Next(ctx)
//		…
//		if len(events) == 0 {
//			<-wake // or another reason to stop waiting
//		}
//	}
//
// # Guarantees
//
// Next gives each change after the sequence once, in the order of the sequences, whether it comes from
// the ring or from a page. A document that changes again before it was read is given with its latest
// change; purged documents that were not read yet may be given or not. No reader holds up the tail,
// another reader or a writer, and none holds a transaction while it writes to its client. A ring is
// bounded in number and bytes, a page too.
//
// A tail ends some time after its last reader has left, with the collection, and with the pool. Its
// readers are then woken, and Next returns the error.
package tail
