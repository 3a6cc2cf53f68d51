package row

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// Doc is the row of a document.
type Doc struct {
	ID       string
	Sequence int64
	Flags    int64
	Rev      string
	History  string
	Known    string
	Expiry   int64 // Unix milliseconds; 0 means never
	Body     []byte
	Size     int // bytes of the body, also where Body was not read
}

// Kept is the row of a revision beside a head.
type Kept struct {
	KeptKey
	History string
	Flags   int64
	Base    string
	Body    []byte // nil where it was not read
}

// KeptKey names a kept revision.
type KeptKey struct {
	Collection int64
	ID         string
	Remote     int64
	Rev        string
}

// Collection is the row of a collection.
type Collection struct {
	Number      int64
	Scope, Name string
	Last, Live  int64 // the last sequence given, and the documents that are not tombstones
}

// Value is a small value; nil stands for one that is to be removed.
type Value struct {
	Space, Key string
	Value      []byte
}

// Conflict is an entry of the log of conflicts.
type Conflict struct {
	Number     int64
	Time       int64 // Unix milliseconds
	Collection string
	ID         string
	Remote     string
	Winner     int64
	Why        string
	Sides      [2]Side // local, remote
	Result     string
}

// Side is one side of a logged conflict.
type Side struct {
	Rev     string
	Deleted bool
	Body    []byte
}

// State is what a transaction that writes finds first, under the lock that it holds until its end.
type State struct {
	Commits     int64 // counts the commits of all nodes
	Collections []Collection
	Settings    map[string]int64
	Versioning  string
	Source      [16]byte // of the node's versions
	Clock       int64    // no version of Source is later
}

// Batch is what one commit changes. Its parts are written in the order of its fields.
type Batch struct {
	Bases     []Base // copies of stored heads
	DropKept  []KeptKey
	AddKept   []Kept
	Delete    []DocKey
	Put       map[int64][]Doc // by the number of the collection; a document of the same ID is replaced
	Values    []Value
	Conflicts []Conflict
	Counters  []Collection // numbers and counters
	Settings  map[string]int64
	Version   string // the versioning, "" where it stays
	Clock     int64  // the latest version given
}

// Base says that the stored head of a document becomes a base that Replaced follows.
type Base struct {
	Collection int64
	Sequence   int64
	Replaced   string
}

// DocKey names a document.
type DocKey struct {
	Collection int64
	ID         string
}

// Order is the order of a listing, and what it selects.
type Order int

// The orders.
const (
	BySequence    Order = iota // after Since
	Backwards                  // between Since and Before, the highest sequence first
	ByID                       // from From on, and before To
	ByIDBackwards              // as ByID, the highest ID first
	ConflictsByID              // in conflict, after From
	CandidatesOf               // live, after Since, and perhaps naming the blob Digest
	Expired                    // at Now, the oldest expiry first
	KnownTo                    // after Since, without conflict, with something known of Remote
	WithBlobs                  // after Since, referring to blobs
	Everything                 // in any order
)

// Listing selects documents of a collection. Those up to CandidatesOf leave out what has expired at Now.
type Listing struct {
	Order         Order
	Body          bool // read the bodies
	Since, Before int64
	From, To      string // IDs; an empty To has no bound
	Live          bool   // leave tombstones out, of ByID and ByIDBackwards
	Digest        string
	Remote        int64
	Now           int64 // Unix milliseconds
	Limit         int   // 0 means no limit
}

// Reader reads one snapshot, or the state of a transaction that writes. Only one goroutine may use it.
type Reader interface {
	// Collections lists the collections by scope and name.
	Collections() ([]Collection, error)
	// Docs reads documents in any order; missing ones are left out.
	Docs(collection int64, ids []string, body bool) ([]Doc, error)
	// At reads the documents at sequences, with bodies.
	At(collection int64, seqs []int64) ([]Doc, error)
	// List reads documents until each fails. each must not keep its argument, but may keep the body.
	List(collection int64, l Listing, each func(*Doc) error) error
	// CountSince counts the documents after a sequence.
	CountSince(collection, since int64) (int64, error)
	// NextExpiry returns Unix milliseconds, 0 for none.
	NextExpiry(collection int64) (int64, error)
	// Kept reads the kept revisions of documents without bodies, those of one document by remote and revision.
	Kept(collection int64, ids []string) ([]Kept, error)
	// KeptBody reads the body of a kept revision.
	KeptBody(k KeptKey) ([]byte, error)
	// KeptOf yields the kept revisions of documents with bodies, by document, remote and revision.
	KeptOf(collection int64, ids []string, each func(*Kept) error) error
	// KeptBlobs yields the bodies of kept revisions that refer to blobs.
	KeptBlobs(collection int64, each func(body []byte) error) error

	// Value returns a small value, nil for none.
	Value(space, key string) ([]byte, error)
	// Values yields the values of a space by key.
	Values(space string, each func(key string, value []byte)) error
	// Spaces lists the spaces that have values.
	Spaces() ([]string, error)
	// Settings returns the settings.
	Settings() (map[string]int64, error)
	// NthValue returns a value by its place in the order of values, nil if there are fewer.
	NthValue(space string, n int) ([]byte, error)
	// Conflicts reads the log of conflicts, the latest first.
	Conflicts(collection, id string, before int64, limit int) ([]Conflict, error)
	// HasBlob reports whether a content is there. A Writer also keeps it there until its end.
	HasBlob(digest string) (bool, error)
	// FindBlob returns the size of a content, and ok if it is there.
	FindBlob(digest string) (upload, size int64, ok bool, err error)
	// Chunk reads a part of a content.
	Chunk(upload int64, n int) ([]byte, error)

	// End ends the transaction, and undoes what a Writer has not committed.
	End()
}

// Writer is the only transaction of all nodes that writes.
type Writer interface {
	Reader
	// Flush writes a batch within the transaction, so that reads see it. Undo undoes what was written
	// since the last Mark.
	Flush(b *Batch) error
	// Mark sets the place to which Undo goes back.
	Mark() error
	// Undo goes back to the last Mark.
	Undo() error
	// MarkRun notes known of the documents in a run of sequences of which nothing is known or kept.
	MarkRun(collection int64, known string, from, to int64) (changed int64, err error)
	// AddCollection makes a collection.
	AddCollection(scope, name string) (Collection, error)
	// DropCollection removes a collection with its rows.
	DropCollection(number int64) error
	// DropValuesUpTo removes the values of a space that are not greater than value.
	DropValuesUpTo(space string, value []byte) error
	// PruneConflicts shortens the log to so many entries and bytes of bodies.
	PruneConflicts(entries, bytes int64) error
	// TakeLetters reads the oldest edits of the inbox.
	TakeLetters(limit int) ([]Letter, error)
	// AnswerLetters removes edits from the inbox, and keeps those that have a reason among the failed ones.
	AnswerLetters(all []Letter) error
	// Failed returns why the transaction cannot be committed any more.
	Failed() error
	// Commit writes a batch and commits. After nil everything is committed, and after an error nothing is, unless it
	// is ErrUnknown.
	Commit(b *Batch) error
}

// ErrUndone says that the engine has undone a transaction so that others can go on. The same one may succeed.
var ErrUndone = errors.New("the engine has undone the transaction")

// ErrUnknown says that a transaction may have been committed or not.
var ErrUnknown = errors.New("nobody knows whether the transaction was committed")

// ErrTooLong says that a transaction has lost the lock of all writers, since others wait for it.
var ErrTooLong = fault.Busy.Says("the transaction held the lock of all nodes for too long, and was undone").
	Try("change fewer documents in one batch, and list documents before the first change")

// Letter is an edit that was asked for by other means than a node.
type Letter struct {
	Number     int64
	Collection string // its full name
	ID         string
	Body       []byte
	Deleted    bool
	Expected   *string // the revision that must be the present one, "" for none; nil accepts any
	Reason     string  // why it failed
}

// Identity is what a database is.
type Identity struct {
	Public, Private [16]byte
	Source          [16]byte // of this node
	Versioning      string
}

// News are called by Watch, one at a time. They must not block.
type News struct {
	Changed func() // after commits of other nodes
	Reborn  func() // when commits were lost that clients may know
	Mail    func() // when the inbox has letters
}

// Stats are counts of a node.
type Stats struct {
	Connections, Busy, Most int           // of the pool: open, of these in use, and allowed
	Waits                   int64         // for a free connection
	Waited                  time.Duration // in all
	Commits                 int64         // of this node
	Incarnation             int64         // of the database
}

// Database is a database of an engine, open for one node. Its methods are safe for concurrent use.
type Database interface {
	// Name returns the name that peers and people know the database by.
	Name() string
	// Place returns the URL without a password.
	Place() string
	// Identity returns what the database is.
	Identity() Identity
	// Source is the source of the node's versions at present.
	Source() [16]byte
	// Read begins to read a snapshot.
	Read(ctx context.Context) (Reader, error)
	// Write waits for the lock of all writers. A read under it fails with ErrTooLong once it is held for longest.
	Write(ctx context.Context, longest time.Duration) (Writer, State, error)
	// Watch calls the functions of its News until ctx is done.
	Watch(ctx context.Context, n News)
	// Lease reports whether this node holds, and renews, a duty that one node has at a time. It takes seconds at most.
	Lease(ctx context.Context, duty string) (held bool, err error)
	// EndLease leaves a duty to other nodes.
	EndLease(ctx context.Context, duty string)
	// Stats counts what the node does with the engine.
	Stats() Stats
	// CopyDone lets others open a copy.
	CopyDone(ctx context.Context) error
	Blobs
	// Close gives up the node's lease and its connections.
	Close()
}

// Blobs stores the contents of blobs.
type Blobs interface {
	// NewBlob begins a content; its number names the chunks that are put.
	NewBlob(ctx context.Context) (upload int64, err error)
	// PutChunk stores a part of a content, by its place from 0.
	PutChunk(ctx context.Context, upload int64, n int, data []byte) error
	// EndBlob gives a complete content its digest.
	EndBlob(ctx context.Context, upload int64, digest string, size int64) error
	// DropBlob removes a content.
	DropBlob(ctx context.Context, upload int64) error
	// FindBlob returns the size of a content, and ok if it is there.
	FindBlob(ctx context.Context, digest string) (upload, size int64, ok bool, err error)
	// Chunk reads a part of a content.
	Chunk(ctx context.Context, upload int64, n int) ([]byte, error)
	// OldBlobs lists contents that nobody has stored or referred to for a while.
	OldBlobs(ctx context.Context, age time.Duration) (digests []string, err error)
	// CollectBlob removes a content unless somebody has referred to it meanwhile.
	CollectBlob(ctx context.Context, digest string, age time.Duration) error
}

// ChunkSize is the size of a blob's chunks in bytes; the last one may be shorter.
const ChunkSize = 256 << 10

// Options adjusts how an Engine opens a database.
type Options struct {
	Versioning string // of a database that is created
	MustExist  bool
	ReadOnly   bool
	Logger     *slog.Logger

	// CopyOf begins a copy of the database with this public UUID, and anew where one was cut off. Nobody else can open the
	// copy before CopyDone. Nil opens a whole database.
	CopyOf *[16]byte
}

// Engine opens databases by URL.
type Engine interface {
	// Opens reports whether the URL is one of this engine.
	Opens(url string) bool
	// Open opens a database, and creates a missing one unless o forbids.
	Open(ctx context.Context, url string, o Options) (Database, error)
}
