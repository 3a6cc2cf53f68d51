package store

import (
	"time"

	"github.com/tandemdb/tandem/internal/revision"
)

// rows is what the rules of a database need of the engine that keeps its rows, within one transaction. The
// methods of [Tx] hold the rules, and reach rows through this interface alone. sqliteRows keeps them
// in a file, and hubRows in a database that several nodes share.
//
// Methods that change rows take a place if another change of the same operation may follow.
type rows interface {
	documentRows
	keptRows
	collectionRows
	valueRows
	peerRows
	logRows
	wholeRows
	savepoints
}

// documentRows are the heads of a collection's documents.
type documentRows interface {
	// document reads one document, expired or not; nil means that it does not exist.
	document(c *Collection, id string, part extent) (*Document, error)
	// heads reads the documents of ids into the elements of heads with the same index.
	heads(c *Collection, ids []string, heads []*Document) error
	// expect says which documents the transaction will look up, so that an engine far away reads them at once.
	expect(c *Collection, ids []string) error
	// list reads documents into what into returns for the flags of each. A nil result skips one.
	list(c *Collection, l listing, into func(flags int64) *Document) error
	// bySequence reads documents with bodies into what into returns for the index of their sequence.
	bySequence(c *Collection, seqs []Sequence, into func(i int) *Document) error
	bodies(c *Collection, seqs []Sequence, row func(i int, b Body)) error
	// blobBodies yields the bodies after a sequence that refer to blobs, and those of kept revisions.
	blobBodies(c *Collection, since Sequence, body func(text []byte) error) error
	knownTo(c *Collection, remote Remote, after Sequence, limit int) (ids []string, last Sequence, err error)
	countSince(c *Collection, since, last Sequence) (uint64, error)
	versions(c *Collection, each func(revision.Rev)) error
	expired(c *Collection, limit int) (ids []string, err error)
	nextExpiry(c *Collection) (time.Time, error)

	// insert adds d at a sequence unless its ID exists.
	insert(c *Collection, seq Sequence, d *Document, at place) (bool, error)
	// update replaces the document of next's ID, and moves it to a sequence.
	update(c *Collection, seq Sequence, next *Document, at place) error
	// mark stores flags, remotes and expiry of d.
	mark(c *Collection, d *Document, at place) error
	// rename stores the history and the remotes of d, whose ID and sequence stay.
	rename(c *Collection, d *Document, at place) error
	// markRun notes k of all documents from one sequence to another of which nothing is known or kept.
	markRun(c *Collection, k known, from, to Sequence, at place) (changed int64, err error)
	remove(c *Collection, head *Document, at place) error
}

// keptRows are the revisions beside the heads.
type keptRows interface {
	listKept(c *Collection, id string) ([]keptRow, error)
	keptBody(c *Collection, k keptRow) ([]byte, error)
	// keepHead copies the stored head beside itself as a base, which next replaces.
	keepHead(c *Collection, head *Document, next revision.ID, at place) error
	addKept(c *Collection, id string, k keptRow, body []byte, at place) error
	// becomeBase turns a remote's revision into a base.
	becomeBase(c *Collection, k keptRow, at place) error
	dropKept(c *Collection, k keptRow, at place) error
	dropAllKept(c *Collection, id string, at place) error
}

// collectionRows are the collections and the settings of the database.
type collectionRows interface {
	collections() ([]*Collection, error)
	// collection returns the number of a collection, 0 if there is none.
	collection(scope, name string) (int64, error)
	addCollection(scope, name string, at place) (*Collection, error)
	dropCollection(c *Collection, at place) error
	// counters returns a zero value for a collection that was deleted.
	counters(c *Collection) (counters, error)
	// met returns the generations of peers that the database has met.
	met() (string, error)
	// set stores a setting under a key of meta.
	set(key string, value any, at place) error
}

// valueRows are small values, by space and key.
type valueRows interface {
	value(space, key string) ([]byte, error)
	values(space string, each func(key string, value []byte)) error
	// setValue removes the key if value is nil.
	setValue(space, key string, value []byte, at place) error
	// nthValue returns the value at a place in the order of values, counted from 0; nil if there are fewer.
	nthValue(space string, n int) ([]byte, error)
	dropValuesUpTo(space string, value []byte, at place) error
}

// peerRows are what is noted of peers.
type peerRows interface {
	peerCheckpoint(client string) (rev int64, body []byte, err error)
	setPeerCheckpoint(client string, rev int64, body []byte, at place) error
	localCheckpoint(id string) ([]byte, error)
	// setLocalCheckpoint removes the checkpoint if body is nil.
	setLocalCheckpoint(id string, body []byte, at place) error
	// remote returns the number of a remote, 0 if there is none.
	remote(url string) (Remote, error)
	addRemote(url string, at place) (Remote, error)
	// remoteURL is the inverse of remote, "" if there is none.
	remoteURL(remote Remote) (string, error)
	remotes() (map[string]Remote, error)
}

// logRows are the log of conflicts, and the blobs that wait for a document.
type logRows interface {
	logConflict(e *LoggedConflict, at place) (n int64, err error)
	pruneConflicts(last int64, at place) error
	conflictLog(f ConflictFilter, limit int) ([]*LoggedConflict, error)

	// hasBlob reports whether the content of a blob is there. In a transaction that writes, it stays until the end.
	hasBlob(key blobKey) (bool, error)
	addPending(digest string, until time.Time, at place) error
	dropPending(digest string, at place) error
}

// wholeRows are what the copy to another engine reads besides.
type wholeRows interface {
	// settings returns the numbers that set has stored.
	settings() (map[string]int64, error)
	// spaces lists the spaces of small values.
	spaces() ([]string, error)
	peerCheckpoints(each func(client string, rev int64, body []byte)) error
	localCheckpoints(each func(id string, body []byte)) error
	// keptWithBodies yields the kept revisions of documents.
	keptWithBodies(c *Collection, ids []string, each func(id string, k keptRow, body []byte)) error
}

// savepoints undo the changes of one operation.
type savepoints interface {
	save() error
	release() error
	rollBack() error
	// gone reports whether the engine has undone the whole transaction.
	gone() bool
}

// extent tells how much of a document is read.
type extent bool

const (
	headOnly extent = false
	withBody extent = true
)

// order is the order of a listing, and what it selects.
type order int

const (
	bySequence    order = iota // after since
	backwards                  // between since and before, the highest sequence first
	byID                       // from an ID on, and before another
	byIDBackwards              // as byID, the highest ID first
	conflictsByID              // in conflict, after an ID
	candidatesOf               // after since, and perhaps referring to a blob
)

// listing selects documents that have not expired.
type listing struct {
	order  order
	body   extent
	since  Sequence
	before Sequence
	ids    Range
	live   bool   // of byID: leave tombstones out
	digest string // of candidatesOf
	limit  int
}
