package tandem

import (
	"errors"
	"log/slog"
	"time"

	"github.com/tandemdb/tandem/internal/store"
)

// Versioning is the form of the revisions that a database gives to its edits. Databases that
// sync with each other should have the same form.
type Versioning string

// The versionings.
const (
	// VersionVectors are the revisions of Couchbase Lite 4 and Sync Gateway 4.
	VersionVectors Versioning = Versioning(store.VersionVectors)

	// RevTrees are the revisions of Couchbase Lite 3 and earlier.
	RevTrees Versioning = Versioning(store.RevTrees)

	// BothGenerations gives edits version vectors, and syncs with peers of both forms at once. See
	// [Database.ServeBothGenerations].
	BothGenerations Versioning = Versioning(store.Both)
)

// Options adjusts [Open]. Its zero value is ready to use.
type Options struct {
	// Versioning of a database that Open creates; empty means [VersionVectors]. An existing
	// database must have the versioning named here; empty accepts any.
	Versioning Versioning

	// MustExist makes Open fail with [ErrNotFound] where there is no database, instead of
	// creating one.
	MustExist bool

	// ReadOnly opens a database without writing anything, even on a read-only volume or a full
	// disk. Calls that change the database fail with [ErrNotWriteable], so replicators and
	// listeners cannot use it. Unless the volume is read-only, Open fails with [ErrBusy] while
	// another process has the database open. ReadOnly implies MustExist.
	ReadOnly bool

	// FullSync makes every commit wait for the disk, so that not even a power cut undoes it.
	// Each commit takes some milliseconds longer. Revisions that were acknowledged to a peer
	// survive power cuts without it, too.
	FullSync bool

	// DisableDeltaSync makes all replicators and listeners of this Database send and request only
	// whole documents, whatever their own settings.
	DisableDeltaSync bool

	// Engine opens databases at URLs, such as postgres://…, and [Database.Copy] copies to them; nil means that databases
	// are folders alone. See package hub.
	Engine Engine

	// EncryptionKey opens an encrypted database, and encrypts a new one. Nil means no
	// encryption. Open fails with [ErrNotADatabase] if the key does not fit. See
	// [Database.ChangeEncryptionKey].
	EncryptionKey *EncryptionKey

	// Queries bound each run of a query.
	Queries QueryOptions

	// VectorCache is how many bytes of vectors a database keeps in memory, for the searches of its
	// vector indexes: 4 for each dimension, and 24 for each vector. The vectors of an index that
	// does not fit are read from the file by each search; of an index with Centroids the lists that
	// fit are kept. Centroids are always kept, and take their room first. Zero means 256 MiB; a
	// negative number means no vectors.
	VectorCache int64

	// SlowQuery is the shortest duration of a run that is logged as slow, with a hint if an index
	// is missing. Time that the caller spends taking rows does not count. Zero means 1 second; a
	// negative duration disables the log.
	SlowQuery time.Duration

	// Logger receives warnings of slow queries and of results that stay open for long. It receives
	// one warning if this machine's clock is far behind the versions of the database. Nil means
	// [slog.Default].
	Logger *slog.Logger
}

// Validate reports settings that cannot work, as [ErrInvalid].
func (o Options) Validate() error {
	return errors.Join(o.EncryptionKey.check(), o.Queries.Validate(), o.forStore().Validate())
}

func (o Options) forStore() store.Options {
	return store.Options{
		Versioning: store.Versioning(o.Versioning),
		MustExist:  o.MustExist,
		ReadOnly:   o.ReadOnly,
		FullSync:   o.FullSync,
		Secret:     o.EncryptionKey.forStore(),
		Logger:     o.Logger,

		VectorCache: o.VectorCache,
		OwnSpaces:   ownSpaces,
	}
}

// ownSpaces are the beginnings of the names of small values that belong to a device or a node.
var ownSpaces = []string{cookieSpace, knownServerSpace, meshSpaces}
