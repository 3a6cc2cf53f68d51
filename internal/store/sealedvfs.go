package store

import (
	"crypto/rand"
	"errors"
	"io"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/tandemdb/tandem/internal/seal"
)

// sealedVFS is a file system of SQLite that encrypts what it passes to another. It is registered
// under a random name while a database is open, so that no key is ever part of SQL or of a file name.
//
// The shared memory file is not encrypted: it has the numbers and checksums of pages, no content.
type sealedVFS struct {
	vfs.VFS
	keys *seal.Keys
}

// registerVFS makes the files of the system called base ("" for the operating system's) readable
// under the name it returns, until that is unregistered. Without keys it is base itself.
func registerVFS(base string, keys *seal.Keys) (name string) {
	if keys == nil {
		return base
	}
	name = "tandem-" + rand.Text()
	vfs.Register(name, &sealedVFS{VFS: vfs.Find(base), keys: keys})
	return name
}

// unregisterVFS ends what registerVFS began.
func unregisterVFS(name string, keys *seal.Keys) {
	if keys != nil {
		vfs.Unregister(name)
	}
}

// Open is for what has no name.
func (v *sealedVFS) Open(name string, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	if name == "" {
		return v.OpenFilename(nil, flags)
	}
	return nil, flags, sqlite3.CANTOPEN
}

func (v *sealedVFS) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	file, flags, err := vfsutil.WrapOpenFilename(v.VFS, name, flags)
	// A super journal has names of files alone, and is never encrypted.
	if err != nil || flags&(vfs.OPEN_SUPER_JOURNAL|vfs.OPEN_MEMORY) != 0 {
		return file, flags, err
	}
	return &sealedFile{File: file, sectors: v.sectors(name, flags)}, flags, nil
}

// sectors gives the cipher of a file. What has no name ends with its connection, so its key does too.
func (v *sealedVFS) sectors(name *vfs.Filename, flags vfs.OpenFlag) *seal.Sectors {
	switch {
	case name == nil:
		return seal.NewKeys().Sectors("temporary")
	case flags&vfs.OPEN_WAL != 0:
		return v.keys.Sectors("log")
	case flags&vfs.OPEN_MAIN_DB != 0:
		return v.keys.Sectors("database")
	default:
		return v.keys.Sectors("journal")
	}
}

// sealedFile is an open file, used by one connection at a time.
type sealedFile struct {
	vfs.File
	sectors *seal.Sectors
	buf     []byte // whole sectors
}

// span returns the whole sectors around [off, off+size), in a buffer that is used again.
func (f *sealedFile) span(off int64, size int) (buf []byte, start int64) {
	start = off &^ (seal.SectorSize - 1)
	n := int(roundUp(off+int64(size)) - start)
	if cap(f.buf) < n {
		f.buf = make([]byte, n)
	}
	return f.buf[:n], start
}

func roundUp(size int64) int64 { return (size + seal.SectorSize - 1) &^ (seal.SectorSize - 1) }

// ReadAt implements [io.ReaderAt]. A sector whose writing was cut off at the end of the file was never
// there.
func (f *sealedFile) ReadAt(p []byte, off int64) (int, error) {
	buf, start := f.span(off, len(p))
	n, err := f.File.ReadAt(buf, start)
	if err != nil && !errors.Is(err, io.EOF) {
		return 0, err
	}
	buf = buf[:n&^(seal.SectorSize-1)]
	f.sectors.Decrypt(buf, start)
	if skip := int(off - start); skip < len(buf) {
		n = copy(p, buf[skip:])
	} else {
		n = 0
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt implements [io.WriterAt]. Of the sectors at both ends it keeps what is not written.
func (f *sealedFile) WriteAt(p []byte, off int64) (int, error) {
	buf, start := f.span(off, len(p))
	skip := int(off - start)
	if skip > 0 {
		if err := f.keep(buf[:seal.SectorSize], start); err != nil {
			return 0, err
		}
	}
	last := len(buf) - seal.SectorSize
	if skip+len(p) < len(buf) && (last > 0 || skip == 0) {
		if err := f.keep(buf[last:], start+int64(last)); err != nil {
			return 0, err
		}
	}
	copy(buf[skip:], p)
	f.sectors.Encrypt(buf, start)
	if _, err := f.File.WriteAt(buf, start); err != nil {
		return 0, err
	}
	return len(p), nil
}

// keep fills sector with what the file has there, zeros beyond its end.
func (f *sealedFile) keep(sector []byte, at int64) error {
	switch n, err := f.File.ReadAt(sector, at); {
	case n == len(sector):
		f.sectors.Decrypt(sector, at)
		return nil
	case err == nil || errors.Is(err, io.EOF):
		clear(sector)
		return nil
	default:
		return err
	}
}

// Truncate keeps whole sectors.
func (f *sealedFile) Truncate(size int64) error { return f.File.Truncate(roundUp(size)) }

// SectorSize promises nothing about what is smaller.
func (f *sealedFile) SectorSize() int { return max(f.File.SectorSize(), seal.SectorSize) }

// DeviceCharacteristics leaves out what does not hold when a write touches its neighbours.
func (f *sealedFile) DeviceCharacteristics() vfs.DeviceCharacteristic {
	const kept = vfs.IOCAP_ATOMIC512 | vfs.IOCAP_IMMUTABLE | vfs.IOCAP_SEQUENTIAL | vfs.IOCAP_SUBPAGE_READ |
		vfs.IOCAP_UNDELETABLE_WHEN_OPEN
	return f.File.DeviceCharacteristics() & kept
}

// The following are what SQLite asks of some files only, passed on.

func (f *sealedFile) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }
func (f *sealedFile) LockState() vfs.LockLevel       { return vfsutil.WrapLockState(f.File) }
func (f *sealedFile) PersistWAL() bool               { return vfsutil.WrapPersistWAL(f.File) }
func (f *sealedFile) SetPersistWAL(keep bool)        { vfsutil.WrapSetPersistWAL(f.File, keep) }
func (f *sealedFile) HasMoved() (bool, error)        { return vfsutil.WrapHasMoved(f.File) }
func (f *sealedFile) SizeHint(size int64) error      { return vfsutil.WrapSizeHint(f.File, roundUp(size)) }
