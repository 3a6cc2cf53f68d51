package storetest

import (
	"math/rand/v2"

	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

// sector is the number of bytes that a disk writes atomically.
const sector = 512

// write is one write, or a truncation.
type write struct {
	at   int64
	data []byte // nil to truncate
}

func (w write) apply(to []byte) []byte {
	if w.data == nil {
		return to[:min(int64(len(to)), w.at)]
	}
	if grow := w.at + int64(len(w.data)) - int64(len(to)); grow > 0 {
		to = append(to, make([]byte, grow)...)
	}
	copy(to[w.at:], w.data)
	return to
}

// torn returns the part of w that reached the disk before the power cut.
func (w write) torn(random *rand.Rand) write {
	if len(w.data) <= sector {
		return w
	}
	w.data = w.data[:sector*random.IntN(len(w.data)/sector)]
	return w
}

// diskFile is a file that SQLite has open.
type diskFile struct {
	vfs.File
	disk  *Disk
	on    *node
	noMap bool
}

func (f *diskFile) SharedMemory() vfs.SharedMemory {
	if f.noMap {
		return nil
	}
	return vfsutil.WrapSharedMemory(f.File)
}

func (f *diskFile) WriteAt(p []byte, off int64) (int, error) {
	if err := f.note(write{at: off, data: append([]byte{}, p...)}); err != nil {
		return 0, err
	}
	return f.File.WriteAt(p, off)
}

func (f *diskFile) Truncate(size int64) error {
	if err := f.note(write{at: size}); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *diskFile) ReadAt(p []byte, off int64) (int, error) {
	n, err := f.File.ReadAt(p, off)
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	f.disk.read += int64(n)
	return n, err
}

// note makes w pending, also the write during which the power is cut.
func (f *diskFile) note(w write) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	err := f.disk.stepLocked()
	if err == nil || f.disk.cutNowLocked() {
		f.on.pending = append(f.on.pending, w)
	}
	return err
}

// Sync makes pending writes durable on the simulated disk, without waiting for the real one.
func (f *diskFile) Sync(vfs.SyncFlag) error {
	f.disk.mu.Lock()
	defer f.disk.mu.Unlock()
	if err := f.disk.stepLocked(); err != nil {
		return err
	}
	f.disk.syncs++
	f.on.sync("")
	return nil
}
