package tandem

import (
	"errors"
	"log/slog"

	"github.com/tandemdb/tandem/internal/store"
)

// Versioning is the form of the revisions that a database gives to its edits. Peers of both
// forms exist; databases that sync with each other should have the same.
type Versioning string

// The versionings.
const (
	// VersionVectors are the revisions of Couchbase Lite 4 and Sync Gateway 4.
	VersionVectors = Versioning(store.VersionVectors)

	// RevTrees are the revisions of Couchbase Lite 3 and earlier.
	RevTrees = Versioning(store.RevTrees)
)

// Options adjusts [Open]. Its zero value is ready to use.
type Options struct {
	// Versioning of a database that is created; empty means [VersionVectors]. A database that
	// exists must have the one that is named here; empty accepts what it has.
	Versioning Versioning

	// MustExist makes Open fail with [ErrNotFound] where there is no database, instead of
	// creating one.
	MustExist bool

	// ReadOnly opens a database without writing anything, also on a read-only volume and on a
	// full disk. What would change it is [ErrNotWriteable], so replicators and listeners cannot
	// use it. Unless the volume is read-only, nobody else may have it open: [ErrBusy]. It
	// implies MustExist.
	ReadOnly bool

	// FullSync makes every commit wait for the disk, so that not even a power cut undoes it.
	// It costs some milliseconds for each commit. What a peer has been told is stored is
	// always safe.
	FullSync bool

	// DisableDeltaSync has all replicators and listeners of this Database send and ask for whole
	// documents only, whatever their own settings.
	DisableDeltaSync bool

	// EncryptionKey opens a database that is encrypted, and encrypts one that is created. Nil is for a
	// database that is not encrypted. One that does not fit is [ErrNotADatabase]. See
	// [Database.ChangeEncryptionKey].
	EncryptionKey *EncryptionKey

	// Logger is warned, once, when the clock of this machine turns out to be far behind the versions of
	// the database. Nil means [slog.Default].
	Logger *slog.Logger
}

// Validate reports settings that cannot work, as [ErrInvalid].
func (o Options) Validate() error {
	return errors.Join(o.EncryptionKey.check(), o.forStore().Validate())
}

func (o Options) forStore() store.Options {
	return store.Options{
		Versioning: store.Versioning(o.Versioning),
		MustExist:  o.MustExist,
		ReadOnly:   o.ReadOnly,
		FullSync:   o.FullSync,
		Secret:     o.EncryptionKey.forStore(),
		Logger:     o.Logger,
	}
}
