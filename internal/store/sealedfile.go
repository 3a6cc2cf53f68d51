package store

import (
	"errors"
	"io"

	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"

	"github.com/tandemdb/tandem/internal/seal"
)

// sealedFile is an open encrypted file. One connection at a time uses it.
type sealedFile struct {
	vfs.File
	sectors *seal.Sectors
	buf     []byte // whole sectors
}

// span returns a reusable buffer for the whole sectors around [off, off+size), and their start.
func (f *sealedFile) span(off int64, size int) (buf []byte, start int64) {
	start = off &^ (seal.SectorSize - 1)
	n := int(roundUp(off+int64(size)) - start)
	if cap(f.buf) < n {
		f.buf = make([]byte, n)
	}
	return f.buf[:n], start
}

func roundUp(size int64) int64 { return (size + seal.SectorSize - 1) &^ (seal.SectorSize - 1) }

// ReadAt implements [io.ReaderAt]. It ignores an incomplete sector at the end of the file, which a
// cut-off write has left.
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

// WriteAt implements [io.WriterAt]. It preserves the parts of the first and last sector that p does
// not cover.
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

// keep fills sector with the file's present content at that place, or with zeros beyond the end.
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

// Truncate rounds the size up to whole sectors.
func (f *sealedFile) Truncate(size int64) error { return f.File.Truncate(roundUp(size)) }

// SectorSize tells SQLite that a write may touch a whole sector of the cipher.
func (f *sealedFile) SectorSize() int { return max(f.File.SectorSize(), seal.SectorSize) }

// DeviceCharacteristics drops the promises that fail because a write also touches its neighbours.
func (f *sealedFile) DeviceCharacteristics() vfs.DeviceCharacteristic {
	const kept = vfs.IOCAP_ATOMIC512 | vfs.IOCAP_IMMUTABLE | vfs.IOCAP_SEQUENTIAL | vfs.IOCAP_SUBPAGE_READ |
		vfs.IOCAP_UNDELETABLE_WHEN_OPEN
	return f.File.DeviceCharacteristics() & kept
}

// The methods below pass optional interfaces of SQLite's files through.

func (f *sealedFile) SharedMemory() vfs.SharedMemory { return vfsutil.WrapSharedMemory(f.File) }
func (f *sealedFile) LockState() vfs.LockLevel       { return vfsutil.WrapLockState(f.File) }
func (f *sealedFile) PersistWAL() bool               { return vfsutil.WrapPersistWAL(f.File) }
func (f *sealedFile) SetPersistWAL(keep bool)        { vfsutil.WrapSetPersistWAL(f.File, keep) }
func (f *sealedFile) HasMoved() (bool, error)        { return vfsutil.WrapHasMoved(f.File) }
func (f *sealedFile) SizeHint(size int64) error      { return vfsutil.WrapSizeHint(f.File, roundUp(size)) }
