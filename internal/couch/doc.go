// Package couch has what CouchDB's replication protocol needs of a collection beyond the public API:
// revisions whose IDs clients have made, and the clients' local documents. Package rest gets it by
// tandem's Collection.Couch, which asks for a [Pass], so that no other module can.
//
// Clients such as PouchDB keep a tree of revisions with several leaves, and show the one that wins. A
// collection has one head and the IDs of what the head replaces, so it settles each branch as it
// comes, and tells the clients which tombstones end the branches that lost: see [store.Tx.Graft] and
// [revision.ID.Closing].
package couch
