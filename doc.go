// Package tandem is an embedded JSON document database that syncs peer to peer, on the wire
// protocol of Couchbase Lite and Sync Gateway.
//
// A [Database] is a folder. It holds collections of documents, each a JSON object with an ID:
//
//	db, err := tandem.Open(ctx, "notes", tandem.Options{})
//	…
//	defer db.Close()
//	notes, err := db.DefaultCollection(ctx)
//	…
//	err = notes.Put(ctx, "milk", map[string]any{"litres": 2})
//
// [Collection.Put] and [Collection.Get] are the short way for Go values; [Collection.Merge] and
// [Collection.Update] change a document, and keep what a struct does not know of it. A [Document] is
// the long way: it knows its revision, keeps JSON text exactly as it is, and carries blobs. [GetAs],
// [PutAs] and [Items] are for structs that know their IDs.
//
// [Collection.Scan] reads documents by ID, from anywhere and in both directions, and [Database.Query]
// by their content. [Database.InBatch] makes many changes at once, and [Database.View] reads
// several things from one snapshot. [Collection.ChangesSince] and change listeners follow changes.
//
// # Documents and their text
//
// A body is stored as the JSON text that was saved, without whitespace: the order of keys, the
// digits of numbers and the escapes in strings survive storage and sync. Integers from −2^63 to
// 2^64−1 are exact. Numbers in an untyped value, such as a map, are [encoding/json.Number], which
// is exact too.
//
// # Sync
//
// A [URLEndpointListener] accepts peers; a [Replicator] connects to one, or to another database of
// the program: see [DatabaseEndpoint]. Both are made from a configuration, then started. [Replicator.Status] and change listeners report the progress, and
// [Replicator.Wait] waits for the end. Peers authenticate each other by a [TLSIdentity], by
// passwords, or by discovery: see [FindPeer] and [ReplicatorConfigurationForPeer]. Conflicting
// changes are resolved by default rules, by a [ConflictResolver], or later by [Collection.Resolve].
//
// # Who may do what at once
//
// A [Database], a [Collection] and a [Blob] may be used from any goroutine. A [Document] and a
// [Batch] are for one goroutine at a time. Several processes may open one database at once;
// each hears of the others' changes within 100 ms.
//
// # What survives
//
// A method that changes the database returns when the change is committed. A commit survives
// the end of the process; with [Options].FullSync it also survives a power cut, without it the
// last moments before one may be lost, but never what a peer was told is stored.
//
// # Functions of yours
//
// Listeners, filters, resolvers and authenticators run on goroutines of this package. They may use
// the database, but must not call Close of their caller, which waits for them. A function that
// decides (a filter, resolver or authenticator) may panic: the panic is reported and logged, and
// the decision is open or goes against the peer, as its comment tells. A panic of a mere listener
// ends the program, as on any goroutine.
//
// # Errors
//
// Errors are, or wrap, an [*Error]: a domain and a code in Couchbase Lite's numbering, what was
// being done to what, and often a hint for people (see [HintOf]). To decide on one, compare it
// with the variables of this package: errors.Is(err, tandem.ErrNotFound). What was cut off by its
// context fails with the context's error.
package tandem
