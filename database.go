package tandem

import (
	"context"
	"encoding/hex"
	"sync"
	"sync/atomic"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
)

// Database is an open database. All its methods may be called from any goroutine. After
// [Database.Close] they fail with [ErrNotOpen].
type Database struct {
	store        *store.DB
	noDeltas     bool         // of the options
	readOnly     bool         // as above
	openResults  atomic.Int32 // of queries, that hold a connection
	cached       queryCache
	services     services
	stopServices sync.Once
	batch        atomic.Pointer[Batch] // whose function runs, nil for none
}

// Open opens the database at path, and creates it if there is none. A database is a folder
// whose name ends in ".tandem", which is appended to the path if it is missing; folders above
// it are created too. The context bounds the opening alone. The database should be closed after
// use.
//
// A database that cannot be written is [ErrNotWriteable]; Options.ReadOnly opens it all the same.
//
// The error is [ErrNotFound] (with MustExist), [ErrNotADatabase], [ErrTooNew], [ErrCorrupt],
// [ErrNotWriteable], or [ErrInvalid] for options that do not fit the database or a path that
// names none.
func Open(ctx context.Context, path string, o Options) (*Database, error) {
	folder, err := folderOf(path)
	if err != nil {
		return nil, err
	}
	if err := o.EncryptionKey.check(); err != nil {
		return nil, fault.About(err, "open database", folder)
	}
	opened, err := store.Open(ctx, folder, o.forStore())
	if err != nil {
		return nil, err
	}
	return &Database{store: opened, noDeltas: o.DisableDeltaSync, readOnly: o.ReadOnly}, nil
}

// Close stops all that uses the database (replicators, listeners, change listeners), waits
// for them and for calls that are under way, and closes it. Nothing can be started on the
// database meanwhile. Closing twice is harmless. In a
// batch it is [ErrInvalid]. It must not be called from a callback of something that it waits for.
func (db *Database) Close() error {
	if err := db.mayWait("close database"); err != nil {
		return err
	}
	db.stopServices.Do(db.services.stop)
	return db.store.Close()
}

// Delete closes the database and removes it from the disk for good. It fails with [ErrBusy], and
// the database stays, while it is open elsewhere, in this process or another.
func (db *Database) Delete() error {
	if err := db.Close(); err != nil {
		return err
	}
	return store.Delete(db.store.Path())
}

// Name returns the name of the database: that of its folder without ".tandem". Peers know the
// database by it.
func (db *Database) Name() string { return db.store.Name() }

// Path returns the absolute path of the database's folder.
func (db *Database) Path() string { return db.store.Path() }

// UUID returns, as hexadecimal text, the UUID that peers know the database by, and that names it
// as the author of its edits. A copy has one of its own.
func (db *Database) UUID() string {
	uuid := db.store.PublicUUID()
	text := hex.EncodeToString(uuid[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// Versioning returns the form of the revisions that new edits get.
func (db *Database) Versioning() Versioning { return Versioning(db.store.Versioning()) }

// UpgradeVersioning makes new edits get [VersionVectors]. Documents keep their revisions
// until they are edited. There is no way back. On a database that has version vectors it does
// nothing. Replicators and listeners should be stopped: those that run go on as they were.
func (db *Database) UpgradeVersioning(ctx context.Context) error {
	if err := db.mayWait("upgrade database"); err != nil {
		return err
	}
	return db.store.UpgradeVersioning(ctx)
}
