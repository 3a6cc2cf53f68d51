// Package tandem is an embedded JSON document database that syncs peer to peer, with the wire
// protocol of Couchbase Lite and Sync Gateway.
//
// A [Database] is a folder. It holds collections of documents. A document is a JSON object with an
// ID:
//
//	db, err := tandem.Open(ctx, "notes", tandem.Options{})
//	…
//	defer db.Close()
//	notes, err := db.DefaultCollection(ctx)
//	…
//	err = notes.Put(ctx, "milk", map[string]any{"litres": 2})
//
// There are three ways to read and write documents:
//
//   - [Collection.Put] and [Collection.Get] store and load Go values.
//   - [PutAs], [GetAs] and [Items] do the same for structs with a field for the ID.
//   - A [Document] has everything: the revision, the exact JSON text, and blobs.
//
// Put replaces the whole document. [Collection.Merge] and [Collection.Update] change a part of it,
// and keep the members that your struct has no field for.
//
// [Collection.Scan] reads documents in the order of their IDs, and [Database.Query] finds them by
// content. [Database.InBatch] makes many changes at once, and [Database.View] reads from one
// snapshot. [Collection.ChangesSince] and change listeners follow changes.
//
// # Documents and their text
//
// The database stores the JSON text that was saved, without its whitespace. The order of keys, the
// digits of numbers and the escapes in strings survive storage and sync. Integers from −2^63 to
// 2^64−1 are exact. Numbers in untyped values, such as a map, are [encoding/json.Number], which is
// exact too.
//
// # Sync
//
// A [URLEndpointListener] accepts peers, and a [Replicator] connects to one. A replicator can also
// sync two databases of one program: see [DatabaseEndpoint]. Make a configuration, then the listener
// or replicator, and start it. [Replicator.Status] and change listeners report the progress, and
// [Replicator.Wait] waits for the end.
//
// Peers authenticate each other by a [TLSIdentity], by passwords, or by discovery: see [FindPeer] and
// [ReplicatorConfigurationForPeer].
//
// When two peers have changed the same document, a default rule resolves the conflict, or your
// [ConflictResolver], or a later call of [Collection.Resolve].
//
// # Concurrency
//
// A Database, a Collection and a Blob may be used from any goroutine. A Document and a Batch are for
// one goroutine at a time. Several processes may open one database at once; each learns of the
// others' changes within 100 ms.
//
// # Durability
//
// A method that changes the database returns after the commit. A commit survives the end of the
// process. After a power cut the commits of the last moments may be missing, unless [Options].FullSync
// is set. Even then nothing is missing that a peer was told is stored.
//
// # Callbacks
//
// Change listeners, filters, resolvers and authenticators run on goroutines of this package. They may
// use the database. They must not call Close of the database, replicator or listener that calls them,
// because Close waits for them.
//
// If a filter, resolver or authenticator panics, the panic is logged. The document waits or is
// refused, the conflict stays open, or the client is refused: see each type. A panic of a change
// listener ends the program.
//
// # Errors
//
// Errors are, or wrap, an [*Error]. It has a domain and a code in Couchbase Lite's numbering, the
// operation and its object, and often a hint for people: see [HintOf]. Compare errors with the
// variables of this package: errors.Is(err, tandem.ErrNotFound). A call that its context has ended
// fails with the context's error.
package tandem
