package store

import (
	"encoding/binary"
	"sync"

	"github.com/ncruces/go-sqlite3/vfs"
)

// The layout of SQLite's log, in bytes: a header, and then frames of a header and a page.
const (
	logHeaderSize   = 32
	frameHeaderSize = 24
	frameSize       = frameHeaderSize + pageSize
)

// logBuffer is how many bytes of the log a commit writes at once: 15 frames.
const logBuffer = 128 << 10

// logBuffers has the buffers of commits, each of logBuffer bytes. Few databases commit at a time.
var logBuffers = sync.Pool{New: func() any { return new([logBuffer]byte) }} //nolint:gochecknoglobals // holds no state

// logFile is SQLite's log, opened by one connection. SQLite writes each frame in two calls, and its
// page alone. During a commit, logFile holds frames back and writes many at a time, which takes the
// system a third of the time.
//
// The last frame of a commit says that it is the last, and is written at once with all before it. So
// SQLite hears of each failure before the commit counts, and nothing is held back when it has
// released its lock.
type logFile struct {
	vfs.File
	buffer  *[logBuffer]byte // nil unless a commit is running
	held    []byte           // of buffer: what is not written yet
	at      int64            // where held begins in the file
	earlier bool             // the frame header written last says that more frames follow
}

// gather begins a commit. It must be ended by release.
func (f *logFile) gather() { f.buffer = logBuffers.Get().(*[logBuffer]byte) }

// release ends a commit. What is still held belongs to a commit that has failed.
func (f *logFile) release() {
	logBuffers.Put(f.buffer)
	f.buffer, f.held = nil, nil
}

func (f *logFile) WriteAt(p []byte, off int64) (int, error) {
	if f.buffer == nil {
		return f.File.WriteAt(p, off)
	}
	if len(f.held) > 0 && (off != f.at+int64(len(f.held)) || len(f.held)+len(p) > logBuffer) {
		if err := f.flush(); err != nil {
			return 0, err
		}
	}
	more := f.moreFollow(p, off)
	if len(f.held) == 0 {
		if !more {
			return f.File.WriteAt(p, off)
		}
		f.held, f.at = f.buffer[:0], off
	}
	before := len(f.held)
	f.held = append(f.held, p...)
	if !more {
		if err := f.flush(); err != nil {
			f.held = f.held[:before] // SQLite takes p for unwritten
			return 0, err
		}
	}
	return len(p), nil
}

// moreFollow reports whether p is part of a frame that does not end its commit.
func (f *logFile) moreFollow(p []byte, off int64) bool {
	switch place := (off - logHeaderSize) % frameSize; {
	case place == 0 && len(p) == frameHeaderSize:
		f.earlier = binary.BigEndian.Uint32(p[4:]) == 0 // the last frame has the length of the database there
		return f.earlier
	case place == frameHeaderSize && len(p) == pageSize:
		return f.earlier
	default:
		return false
	}
}

// flush writes what is held.
func (f *logFile) flush() error {
	if len(f.held) == 0 {
		return nil
	}
	if _, err := f.File.WriteAt(f.held, f.at); err != nil {
		return err
	}
	f.held = f.held[:0]
	return nil
}

func (f *logFile) ReadAt(p []byte, off int64) (int, error) {
	if err := f.flush(); err != nil {
		return 0, err
	}
	return f.File.ReadAt(p, off)
}

func (f *logFile) Size() (int64, error) {
	if err := f.flush(); err != nil {
		return 0, err
	}
	return f.File.Size()
}

func (f *logFile) Truncate(size int64) error {
	if err := f.flush(); err != nil {
		return err
	}
	return f.File.Truncate(size)
}

func (f *logFile) Sync(flags vfs.SyncFlag) error {
	if err := f.flush(); err != nil {
		return err
	}
	return f.File.Sync(flags)
}
