package store

import (
	"strconv"
	"strings"
)

// The database's SQLite header identifies it as Tandem's.
const (
	applicationID = 0x54414e44 // "TAND"
	formatVersion = 1          // of databases without indexes for queries
	indexedFormat = 2          // of databases that have or had an index for queries; older programs lack the functions to write them
	textFormat    = 3          // of databases that have or had a full-text index
	vectorFormat  = 4          // of databases that have or had a vector index
	bothFormat    = 5          // of databases that serve, or served, both generations: see [Both]
	latestFormat  = bothFormat
)

// pageSize holds seven documents of 1 kB and was the best of 4 to 32 kB in mixed loads.
const pageSize = 8192

// schema creates the tables every database has. Times are Unix milliseconds.
const schema = `
CREATE TABLE meta (key TEXT PRIMARY KEY, value ANY) STRICT, WITHOUT ROWID;
CREATE TABLE collections (
	id    INTEGER PRIMARY KEY AUTOINCREMENT,
	scope TEXT NOT NULL,
	name  TEXT NOT NULL,
	last  INTEGER NOT NULL DEFAULT 0, -- the last sequence given; never goes back
	live  INTEGER NOT NULL DEFAULT 0, -- documents that are not tombstones
	UNIQUE (scope, name)
) STRICT;
CREATE TABLE remotes (id INTEGER PRIMARY KEY, url TEXT NOT NULL UNIQUE) STRICT;
CREATE TABLE peer_checkpoints (client TEXT PRIMARY KEY, rev INTEGER NOT NULL, body BLOB NOT NULL) STRICT;
CREATE TABLE local_checkpoints (id TEXT PRIMARY KEY, body BLOB NOT NULL) STRICT;
CREATE TABLE info (space TEXT, key TEXT, value BLOB NOT NULL, PRIMARY KEY (space, key)) STRICT, WITHOUT ROWID;
CREATE TABLE pending_blobs (digest TEXT PRIMARY KEY, until INTEGER NOT NULL) STRICT, WITHOUT ROWID;
CREATE TABLE conflict_log (
	n          INTEGER PRIMARY KEY AUTOINCREMENT,
	time       INTEGER NOT NULL,
	collection TEXT NOT NULL, -- scope.name
	id         TEXT NOT NULL,
	remote     TEXT NOT NULL, -- URL
	winner     INTEGER NOT NULL,
	why        TEXT NOT NULL,
	local_rev  TEXT NOT NULL,
	local_deleted  INTEGER NOT NULL,
	local_body     TEXT NOT NULL,
	remote_rev     TEXT NOT NULL,
	remote_deleted INTEGER NOT NULL,
	remote_body    TEXT NOT NULL,
	result_rev     TEXT NOT NULL
) STRICT;
CREATE INDEX conflict_log_document ON conflict_log (collection, id);
`

// collectionSchema creates the tables of one collection; # stands for its number.
//
// docs has one row per document, the head. The row number is the sequence, so a change moves the
// row to the end. kept has further revisions: a remote's conflicting revision (remote > 0), and
// bodies that serve as bases of deltas and merges (remote = 0).
const collectionSchema = `
CREATE TABLE docs_# (
	seq     INTEGER PRIMARY KEY,
	id      TEXT NOT NULL UNIQUE,
	flags   INTEGER NOT NULL,
	rev     TEXT NOT NULL,
	history TEXT NOT NULL,
	known   TEXT NOT NULL,
	expiry  INTEGER,
	body    TEXT NOT NULL
) STRICT;
CREATE INDEX docs_#_expiry ON docs_# (expiry) WHERE expiry IS NOT NULL;
CREATE INDEX docs_#_conflicts ON docs_# (id) WHERE flags & 2;
CREATE INDEX docs_#_blobs ON docs_# (seq) WHERE flags & 12;
CREATE TABLE kept_# (
	id      TEXT NOT NULL,
	remote  INTEGER NOT NULL,
	rev     TEXT NOT NULL,
	history TEXT NOT NULL,
	flags   INTEGER NOT NULL,
	base    TEXT NOT NULL, -- of a conflict: what the remote had before; else: what replaced it
	body    TEXT NOT NULL,
	UNIQUE (id, remote, rev)
) STRICT;
`

// The flags of a document's row. The indexes above name them by number.
const (
	flagDeleted     = 1 << iota // the head is a tombstone
	flagConflicted              // kept holds a remote's conflicting head
	flagBlobs                   // the body refers to blobs
	flagAttachments             // the body has _attachments
	flagKept                    // kept holds a base of this document
)

// forCollection inserts a collection's number into SQL in place of #.
func forCollection(sql string, id int64) string {
	return strings.ReplaceAll(sql, "#", strconv.FormatInt(id, 10))
}
