package store

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
)

// DB is an open database. Its methods are safe for concurrent use.
type DB struct {
	path    string
	options Options
	meta    meta    // what the database is; set once, in Open
	access  *access // opens the database's files

	versioning  atomic.Pointer[Versioning]
	keepsBases  atomic.Bool
	hasBranches atomic.Bool            // see branchHistory
	met         atomic.Pointer[string] // the generations of peers of a database of both: see [Generation]
	unindexed   bool                   // queries may not use the indexes, which cannot be built anew; set once, in Open
	hub         *hub                   // in place of writer, readers, blobs and access, where the rows are in an engine
	writer      *writer
	readers     *readers
	blobs       *blobs
	signals     signals
	vectors     vectorCache
	trainer     trainer
	bounded     map[string]int // how many values were set in each space; see SetBoundedInfo; of the writer's goroutine

	// readersBehind is set when a collection is created, and reset when a view begins. Meanwhile the
	// readers have to parse the schema of all collections before they can tell whether there is
	// another: the writer, which waits for its turn, tells sooner.
	readersBehind atomic.Bool

	closing chan struct{} // closed when Close begins
	work    sync.WaitGroup

	mu     sync.Mutex // guards the following
	inUse  sync.WaitGroup
	closed bool
	done   chan struct{} // closed when Close has finished
	err    error         // of Close; read after done
}

// Open opens the database at path, the folder NAME.tandem. It creates a missing database unless
// [Options].MustExist is set. The context bounds only the opening.
//
// It fails with fault.NotFound (missing, with MustExist), fault.NotADatabase (something else
// is there, or the key is missing or wrong), fault.TooNew, fault.CorruptData,
// fault.NotWriteable, fault.IO for a full or failing disk, or fault.Invalid when the options do
// not fit the database.
func Open(ctx context.Context, path string, o Options) (*DB, error) {
	if err := o.Validate(); err != nil {
		return nil, err
	}
	o = o.withDefaults()
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fileFault(err, "open database", path)
	}
	existed, err := prepareFolder(path, o)
	if err != nil {
		return nil, err
	}
	db, err := openFolder(ctx, path, o)
	if err != nil && !existed {
		removeUnborn(path, o.Disk)
	}
	if err == nil && db.meta.indexed {
		if err = db.refreshIndexes(ctx); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return db, tellFullDisk(err, path)
}

// openFolder opens the database in a folder, and creates it if the options allow.
func openFolder(ctx context.Context, path string, o Options) (*DB, error) {
	a, err := openAccess(ctx, path, o)
	if err != nil {
		return nil, err
	}
	c, err := openConn(ctx, path, a.vfs, o)
	if err != nil {
		return nil, errors.Join(sqlFault(err, "open database", path), a.close())
	}
	m, err := initialise(ctx, c, path, o)
	if err != nil {
		err = fault.About(sqlFault(err, "open database", path), "open database", path)
		return nil, errors.Join(closing(c, err), a.close())
	}
	o.Secret = nil // no longer needed
	if o.ReadOnly {
		return start(path, o, a, c, m), nil
	}
	// Opening has created the log. Durable commits need its name on disk.
	if err := (files{o.Disk}).syncFolder(path); err != nil {
		return nil, errors.Join(closing(c, fileFault(err, "open database", path)), a.close())
	}
	return start(path, o, a, c, m), nil
}

func start(path string, o Options, a *access, c *conn, m meta) *DB {
	db := &DB{
		path: path, options: o, access: a, meta: m, bounded: make(map[string]int),
		closing: make(chan struct{}), done: make(chan struct{}),
	}
	db.versioning.Store(&m.versioning)
	db.met.Store(&m.met)
	db.blobs = newBlobs(filepath.Join(path, blobFolder), a.keys, o.Disk)
	db.readers = newReaders(db)
	db.writer = newWriter(db, c)
	db.vectors.limit = o.VectorCache
	c.queries.ShareLists(db.vectors.share)
	expirer := newExpirer(db)
	db.signals.expiry = expirer.wake
	db.work.Go(db.writer.run)
	if o.ReadOnly {
		return db
	}
	if !o.making {
		db.work.Go(expirer.run)
	}
	db.work.Go(db.writer.log.run)
	if o.Disk == nil { // other processes do not know of a test's disk
		db.work.Go(func() { watch(db) })
	}
	return db
}

// Close closes the database. It waits for transactions in progress and for the goroutines of db.
// Later calls of other methods fail with fault.NotOpen. Closing twice is harmless. Close must not
// be called from within a transaction.
func (db *DB) Close() error {
	db.mu.Lock()
	if db.closed {
		db.mu.Unlock()
		<-db.done
		return db.err
	}
	db.closed = true
	close(db.closing)
	db.mu.Unlock()
	if db.hub != nil {
		db.hub.stop()
	}

	db.inUse.Wait()
	db.work.Wait()
	db.signals.close()
	if db.hub != nil {
		db.hub.close()
		close(db.done)
		return nil
	}
	db.err = sqlFault(db.readers.close(), "close database", db.path)
	if err := db.writer.close(); err != nil && db.err == nil {
		db.err = sqlFault(err, "close database", db.path)
	}
	if err := db.access.close(); err != nil && db.err == nil {
		db.err = fileFault(err, "close database", db.path)
	}
	close(db.done)
	return db.err
}

// enter registers a use of db, which Close waits for; leave ends the use.
func (db *DB) enter(op string) error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return notOpen(op, db.path)
	}
	db.inUse.Add(1)
	return nil
}

func (db *DB) leave() { db.inUse.Done() }

// Path returns the absolute path of the database's folder.
func (db *DB) Path() string { return db.path }

// Name returns the database's name: the folder's without its extension.
func (db *DB) Name() string {
	if db.hub != nil {
		return db.hub.rows.Name()
	}
	return databaseName(db.path)
}

// PublicUUID returns the UUID that peers know the database by.
func (db *DB) PublicUUID() [16]byte { return db.meta.public }

// PrivateUUID returns the UUID of this copy of the database. Peers never receive it in plain form.
func (db *DB) PrivateUUID() [16]byte { return db.meta.private }

// PreviousUUIDs returns the private UUIDs of the databases that this one was copied from, the
// latest first. Checkpoints inherited from them are filed under these UUIDs.
func (db *DB) PreviousUUIDs() [][16]byte { return db.meta.previous }

// Source returns the source ID that versions of local edits carry.
func (db *DB) Source() revision.Source { return revision.SourceFrom(db.SourceUUID()) }

// SourceUUID returns the UUID that Source is derived from. It is the public UUID, unless the
// database's files were copied to their present place.
func (db *DB) SourceUUID() [16]byte {
	if db.hub != nil {
		return db.hub.rows.Source()
	}
	return db.meta.source
}

// DeviceUUID names the device in a group: as SourceUUID, which a copy of the files changes, but for a database that nodes share it is
// the private UUID, since the source of a node is another one at another time.
func (db *DB) DeviceUUID() [16]byte {
	if db.hub != nil {
		return db.meta.private
	}
	return db.meta.source
}

// Versioning returns the form of new revisions.
func (db *DB) Versioning() Versioning { return *db.versioning.Load() }
