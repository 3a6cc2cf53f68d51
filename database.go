package tandem

import (
	"cmp"
	"context"
	"encoding/hex"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/live"
	"github.com/tandemdb/tandem/internal/store"
)

// Database is an open database. All its methods may be called from any goroutine. After
// [Database.Close] they fail with [ErrNotOpen].
type Database struct {
	store        *store.DB
	noDeltas     bool         // of the options
	readOnly     bool         // as above
	queries      QueryOptions // as above
	engine       Engine       // as above
	slowQuery    time.Duration
	logger       *slog.Logger
	openResults  atomic.Int32 // of queries, that hold a connection
	cached       queryCache
	live         *live.Hub[liveResult]
	services     services
	stopServices sync.Once
	batch        atomic.Pointer[Batch] // whose function runs, nil for none
	views        sync.Map              // whose functions run: *snapshot by goroutine
	seats        *semaphore.Weighted   // of Views
	nodeCookies  atomic.Value          // []byte; see cookies
}

// Open opens the database at path, and creates a missing one. A database is a folder whose name
// ends in ".tandem"; Open appends the ending if path lacks it, and creates the parent folders.
// The context bounds the opening alone. Call [Database.Close] after use.
//
// Open fails with [ErrNotWriteable] for files that cannot be written, unless Options.ReadOnly is
// set.
//
// With Options.Engine, path may also be a URL, and Open creates the tables.
//
// The error is [ErrNotFound] (with MustExist), [ErrNotADatabase], [ErrTooNew], [ErrCorrupt],
// [ErrNotWriteable], or [ErrInvalid] for options that do not fit the database, or for a path
// without a name.
func Open(ctx context.Context, path string, o Options) (*Database, error) {
	if isURL(path) {
		return openAt(ctx, path, o)
	}
	folder, err := folderOf(path)
	if err != nil {
		return nil, err
	}
	if err := cmp.Or(o.EncryptionKey.check(), o.Queries.Validate()); err != nil {
		return nil, fault.About(err, "open database", folder)
	}
	opened, err := store.Open(ctx, folder, o.forStore())
	if err != nil {
		return nil, err
	}
	return newDatabase(opened, o), nil
}

// openAt is Open for a URL.
func openAt(ctx context.Context, url string, o Options) (*Database, error) {
	if err := cmp.Or(o.EncryptionKey.check(), o.Queries.Validate()); err != nil {
		return nil, fault.About(err, "open database", "")
	}
	opened, err := openURL(ctx, url, o)
	if err != nil {
		return nil, err
	}
	return newDatabase(opened, o), nil
}

func newDatabase(opened *store.DB, o Options) *Database {
	return &Database{
		store: opened, noDeltas: o.DisableDeltaSync, readOnly: o.ReadOnly,
		queries: o.Queries, engine: o.Engine, slowQuery: cmp.Or(o.SlowQuery, defaultSlowQuery), logger: cmp.Or(o.Logger, slog.Default()),
		live: live.New[liveResult](), seats: semaphore.NewWeighted(maxViews),
	}
}

// Close stops the replicators, listeners and change listeners of the database, waits for them
// and for running calls, and closes the database. Nothing can be started meanwhile. Closing
// twice is harmless. Close fails with [ErrInvalid] in a batch or View. A callback of a replicator or
// listener must not call it, since Close waits for that callback.
func (db *Database) Close() error {
	if err := db.mayWaitForAll("close database"); err != nil {
		return err
	}
	db.stopServices.Do(db.services.stop)
	db.live.Close()
	return db.store.Close()
}

// Delete closes the database and removes it from the disk permanently. It fails with [ErrBusy], and
// removes nothing, while another Database or process has the folder open.
func (db *Database) Delete() error {
	if err := db.Close(); err != nil {
		return err
	}
	if isURL(db.store.Path()) {
		return fault.Unsupported.In("delete database", db.store.Path()).Says("other nodes may use the database").
			Try("stop all nodes, then drop the schema: DROP SCHEMA tandem CASCADE")
	}
	return store.Delete(db.store.Path())
}

// Name returns the name of the database: that of its folder without ".tandem". Peers know the
// database by it.
func (db *Database) Name() string { return db.store.Name() }

// Path returns the absolute path of the database's folder, or its URL without a password.
func (db *Database) Path() string { return db.store.Path() }

// UUID returns, as hexadecimal text, the UUID by which peers know the database. A copy that
// [Database.Copy] makes gets a UUID of its own.
func (db *Database) UUID() string {
	uuid := db.store.PublicUUID()
	text := hex.EncodeToString(uuid[:])
	return text[:8] + "-" + text[8:12] + "-" + text[12:16] + "-" + text[16:20] + "-" + text[20:]
}

// Versioning returns the form of the revisions that new edits get.
func (db *Database) Versioning() Versioning { return Versioning(db.store.Versioning()) }

// ServeBothGenerations makes the database sync with peers of both forms of revisions, Couchbase Lite 3 and
// 4, at once: each connection has the form of its peer. New edits get version vectors. Documents stay as they
// are. It works on a database of either form, and permanently: earlier programs refuse the database from then
// on. On a database that serves both it does nothing. Stop replicators and listeners first: running ones
// continue with the old form. It fails with [ErrBusy] if the database is open elsewhere, too, in this process or another;
// a database whose rows are in an engine does not notice that.
func (db *Database) ServeBothGenerations(ctx context.Context) error {
	if err := db.toChangeAlone(ctx, "upgrade database"); err != nil {
		return err
	}
	return db.store.ServeBoth(ctx)
}

// MetGenerations lists the generations of Couchbase Lite, 3 and 4 in this order, whose peers a database of
// [BothGenerations] has synced with. It is empty for other databases.
func (db *Database) MetGenerations() (met []int) {
	for _, g := range db.store.Met() {
		met = append(met, int(g))
	}
	return met
}

// UpgradeVersioning switches new edits to [VersionVectors], permanently. Documents keep their
// revisions until they are edited. On a database with version vectors, or of [BothGenerations], it does
// nothing. Stop replicators and listeners first: running ones continue with the old versioning.
func (db *Database) UpgradeVersioning(ctx context.Context) error {
	if err := db.toChangeAlone(ctx, "upgrade database"); err != nil {
		return err
	}
	return db.store.UpgradeVersioning(ctx)
}
