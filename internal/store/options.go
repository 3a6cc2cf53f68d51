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

// The versionings, by the names that subChanges uses on the wire.
const (
	VersionVectors Versioning = "version-vectors"
	RevTrees       Versioning = "rev-trees"
)

// Options adjusts how [Open] opens a database. The zero value is ready to use.
type Options struct {
	// Versioning of a database that Open creates; empty means [VersionVectors]. An existing
	// database must have the one named here; empty accepts whatever it has.
	Versioning Versioning

	// MustExist makes Open fail with fault.NotFound where there is no database yet.
	MustExist bool

	// ReadOnly opens the database without writing anything, on a read-only volume or a full disk,
	// too; there must be one. What writes fails with fault.NotWriteable. Where others could write,
	// nobody else may have the database open: fault.Busy.
	ReadOnly bool

	// FullSync syncs every commit to disk, so that no power cut can undo it. Without it the
	// last moments before a power cut may be lost, save what [DB.UpdateDurable] promised.
	FullSync bool

	// MaxHistory is how many ancestors a tree revision keeps. Zero means 50.
	MaxHistory int

	// Secret opens the files of an encrypted database; a new database is encrypted if there is
	// one. Nil is for a database that is not encrypted.
	Secret *seal.Secret

	// Logger is warned of what concerns the database as a whole. Nil means [slog.Default].
	Logger *slog.Logger

	// Now is the wall clock. Nil means [time.Now].
	Now func() time.Time

	// Disk stands between the database and its files, for tests. Nil means nothing does.
	Disk Disk
}

// Validate reports every setting that cannot work, as fault.Invalid.
func (o Options) Validate() error {
	var errs []error
	switch o.Versioning {
	case "", VersionVectors, RevTrees:
	default:
		errs = append(errs, fault.Invalid.Says("unknown versioning %q", o.Versioning).
			Try("use version-vectors or rev-trees"))
	}
	if o.MaxHistory < 0 {
		errs = append(errs, fault.Invalid.Says("maximum history is %d, want 1 or more (0 for the default)", o.MaxHistory))
	}
	return errors.Join(errs...)
}

// baseVFS names the file system of SQLite that files are kept in, "" the operating system's.
func (o Options) baseVFS() string {
	if o.Disk == nil {
		return ""
	}
	return o.Disk.VFS()
}

func (o Options) withDefaults() Options {
	o.MustExist = o.MustExist || o.ReadOnly
	o.MaxHistory = cmp.Or(o.MaxHistory, revision.DefaultHistory)
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}
