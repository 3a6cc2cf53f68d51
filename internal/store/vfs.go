package store

import (
	"crypto/rand"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/tandemdb/tandem/internal/seal"
)

// system is a file system of SQLite that passes calls on to another one. It reports a full disk to
// SQLite and, with keys, encrypts the files. It is registered under a random name while a database
// is open, so that no key becomes part of SQL or of a file name.
//
// The shared memory file stays plain: it holds numbers and checksums of pages, no content.
type system struct {
	vfs.VFS
	keys   *seal.Keys // nil for a database that is not encrypted
	frozen bool       // nothing is written
}

// registerVFS registers a file system over the one called base ("" for the operating system's) and
// returns its random name. The caller unregisters it. Keys may be nil.
func registerVFS(base string, keys *seal.Keys) (name string) {
	return register(&system{VFS: vfs.Find(base), keys: keys})
}

func register(s *system) (name string) {
	name = "tandem-" + rand.Text()
	vfs.Register(name, s)
	return name
}

// Open opens a temporary file, which has no name; for all other files SQLite calls OpenFilename.
func (s *system) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if name == "" {
		return s.OpenFilename(nil, flags)
	}
	return nil, flags, sqlite3.CANTOPEN
}

func (s *system) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if s.frozen && name != nil {
		flags = flags&^(vfs.OPEN_READWRITE|vfs.OPEN_CREATE) | vfs.OPEN_READONLY
	}
	base, flags, err := vfsutil.WrapOpenFilename(s.VFS, name, flags)
	if err != nil || flags&vfs.OPEN_MEMORY != 0 {
		return base, flags, err
	}
	if s.frozen {
		base = frozenFile{base}
	}
	file := &diskFile{File: base}
	// A super journal holds only file names and is never encrypted.
	if s.keys == nil || flags&vfs.OPEN_SUPER_JOURNAL != 0 {
		return file, flags, nil
	}
	return &sealedFile{File: file, sectors: s.sectors(name, flags)}, flags, nil
}

// sectors returns the cipher of a file. A file without a name lives as long as its connection, so
// it gets a throw-away key.
func (s *system) sectors(name *vfs.Filename, flags vfs.OpenFlag) *seal.Sectors {
	switch {
	case name == nil:
		return seal.NewKeys().Sectors("temporary")
	case flags&vfs.OPEN_WAL != 0:
		return s.keys.Sectors("log")
	case flags&vfs.OPEN_MAIN_DB != 0:
		return s.keys.Sectors("database")
	default:
		return s.keys.Sectors("journal")
	}
}

// diskFile is an open file that reports a full disk with SQLite's own code. SQLite keeps only the
// code of an error, and a user can act on this one.
type diskFile struct {
	vfs.File
}

func (f *diskFile) WriteAt(p []byte, off int64) (int, error) {
	n, err := f.File.WriteAt(p, off)
	return n, sayFull(err)
}

func (f *diskFile) Truncate(size int64) error      { return sayFull(f.File.Truncate(size)) }
func (f *diskFile) Sync(flags vfs.SyncFlag) error  { return sayFull(f.File.Sync(flags)) }
func (f *diskFile) SizeHint(size int64) error      { return sayFull(vfsutil.WrapSizeHint(f.File, size)) }
func (f *diskFile) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }
func (f *diskFile) LockState() vfs.LockLevel       { return vfsutil.WrapLockState(f.File) }
func (f *diskFile) PersistWAL() bool               { return vfsutil.WrapPersistWAL(f.File) }
func (f *diskFile) SetPersistWAL(keep bool)        { vfsutil.WrapSetPersistWAL(f.File, keep) }
func (f *diskFile) PowersafeOverwrite() bool       { return vfsutil.WrapPowersafeOverwrite(f.File) }
func (f *diskFile) SetPowersafeOverwrite(on bool)  { vfsutil.WrapSetPowersafeOverwrite(f.File, on) }
func (f *diskFile) HasMoved() (bool, error)        { return vfsutil.WrapHasMoved(f.File) }

func sayFull(err error) error {
	if err != nil && isDiskFull(err) {
		return vfs.SystemError(err, sqlite3.FULL)
	}
	return err
}
