package store

import (
	"cmp"
	"errors"
	"log/slog"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/seal"
)

// Versioning names the form of revision that new local edits get.
type Versioning string

// The versionings, under the names that subChanges uses on the wire.
const (
	VersionVectors Versioning = "version-vectors"
	RevTrees       Versioning = "rev-trees"

	// Both gives edits versions, and serves peers of revision trees too.
	Both Versioning = "both"
)

// Options adjusts how [Open] opens a database. The zero value is ready to use.
type Options struct {
	// Versioning of a database that Open creates; empty means [VersionVectors]. An existing
	// database must have the versioning named here; empty accepts any.
	Versioning Versioning

	// MustExist makes Open fail with fault.NotFound if the database does not exist.
	MustExist bool

	// ReadOnly opens an existing database without writing anything, so that it works on a read-only
	// volume and on a full disk. Writes fail with fault.NotWriteable. On a writable volume nobody
	// else may have the database open: fault.Busy.
	ReadOnly bool

	// FullSync syncs every commit to disk, so that no power cut can undo it. Without it a power cut
	// may undo the latest commits, except those that [DB.UpdateDurable] covers.
	FullSync bool

	// MaxHistory is how many ancestors a tree revision keeps. Zero means 50.
	MaxHistory int

	// Secret opens an encrypted database, or encrypts a new one. Nil means no encryption.
	Secret *seal.Secret

	// VectorCache is how many bytes of vectors stay in memory for searches. Zero means 256 MiB; a negative number keeps none.
	VectorCache int64

	// OwnSpaces are the beginnings of the names of the spaces of small values that belong to the device or the node, not to
	// the database. A copy to or from an engine leaves them out.
	OwnSpaces []string

	// Logger receives warnings about the database as a whole. Nil means [slog.Default].
	Logger *slog.Logger

	// Now is the wall clock. Nil means [time.Now].
	Now func() time.Time

	// Disk stands between the database and its files, for tests. Nil means the real disk.
	Disk Disk

	making bool // it is a copy that is being made: nothing is purged, and nobody's edits are taken
}

// Validate reports every setting that cannot work, as fault.Invalid.
func (o Options) Validate() error {
	var errs []error
	switch o.Versioning {
	case "", VersionVectors, RevTrees, Both:
	default:
		errs = append(errs, fault.Invalid.Says("unknown versioning %q", o.Versioning).
			Try("use version-vectors, rev-trees or both"))
	}
	if o.MaxHistory < 0 {
		errs = append(errs, fault.Invalid.Says("maximum history is %d, want 1 or more (0 for the default)", o.MaxHistory).
			Try("leave it 0 for the default"))
	}
	return errors.Join(errs...)
}

// baseVFS returns the name of the SQLite file system that holds the files; "" means the operating
// system's.
func (o Options) baseVFS() string {
	if o.Disk == nil {
		return ""
	}
	return o.Disk.VFS()
}

// defaultVectorCache holds about 170,000 vectors of 384 dimensions.
const defaultVectorCache = 256 << 20

func (o Options) withDefaults() Options {
	o.MustExist = o.MustExist || o.ReadOnly
	o.MaxHistory = cmp.Or(o.MaxHistory, revision.DefaultHistory)
	o.VectorCache = cmp.Or(o.VectorCache, defaultVectorCache)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}
