// Package both gives each head of a document two names, so that one database serves peers of both
// generations of Couchbase Lite.
//
// One name is a version with its vector, for the fourth protocol. The other is a tree revision ID
// with a chain of ancestors, for the third. Each is a function of the other: databases that never
// talk to each other give a revision the same names.
//
//	tree revision → version    [revision.ID.Encoded]: "3bbbbbbbbbb@Revision+Tree+Encoding"
//	version → tree revision    [Embed]: the digest is the version itself
//
// A version may have several tree IDs of different generations, its aliases, since databases see
// different parts of the past. They are the same revision, because each contains the version.
//
// A [Head] is the current revision of a document with both names. The other files decide what
// becomes of it: [Head.Propose] and [Head.Want] answer announcements, [Head.Receive] takes a
// revision, [Resolve] ends a conflict, and [Head.History] tells a peer of trees the past.
//
// Everything here is a pure value or a pure function, and nothing changes in place. Only the
// caller has a clock: where a new version is needed, the results say so.
package both
