package store

import (
	"crypto/rand"
	"math"
	"sync/atomic"

	"github.com/ncruces/go-sqlite3"
	"github.com/ncruces/go-sqlite3/util/vfsutil"
	"github.com/ncruces/go-sqlite3/vfs"
)

// scratch is the file system of one connection. It passes everything on to another one, and bounds the
// temporary files, in which SQLite sorts and groups what is too large for memory. The other one encrypts
// those of an encrypted database, with a key that nobody keeps. It writes the log in large pieces.
//
// SQLite calls it on the goroutine that uses the connection.
type scratch struct {
	vfs.VFS
	name     string   // that it is registered under
	database vfs.File // the database file
	log      *logFile // nil until the connection first reads

	limit  int64        // bytes of temporary files
	used   atomic.Int64 // any goroutine may read it
	full   bool         // a write was refused because of limit, since the last bound
	failed error        // why a temporary file could not be made, since the last bound
}

func newScratch(base string) *scratch {
	s := &scratch{VFS: vfs.Find(base), name: "tandem-" + rand.Text(), limit: math.MaxInt64}
	vfs.Register(s.name, s)
	return s
}

func (s *scratch) close() { vfs.Unregister(s.name) }

// bound sets the limit, and forgets what was refused before.
func (s *scratch) bound(limit int64) { s.limit, s.full, s.failed = limit, false, nil }

func (s *scratch) OpenFilename(name *vfs.Filename, flags vfs.OpenFlag) (vfs.File, vfs.OpenFlag, error) {
	file, opened, err := vfsutil.WrapOpenFilename(s.VFS, name, flags)
	switch {
	case err == nil && flags&vfs.OPEN_WAL != 0:
		s.log = &logFile{File: file}
		return s.log, opened, nil
	case name != nil:
		if s.database == nil {
			s.database = file // SQLite opens it first
		}
		return file, opened, err
	case err != nil:
		s.failed = err
		return file, opened, err
	}
	return &scratchFile{File: file, of: s}, opened, nil
}

// scratchFile is a temporary file. Only its connection has it open.
type scratchFile struct {
	vfs.File
	of   *scratch
	size int64
}

func (f *scratchFile) WriteAt(p []byte, off int64) (int, error) {
	if grown := off + int64(len(p)) - f.size; grown > 0 {
		if f.of.used.Load()+grown > f.of.limit {
			f.of.full = true
			return 0, sqlite3.TOOBIG // after others, such as FULL, SQLite gives up the transaction
		}
		f.grow(grown)
	}
	return f.File.WriteAt(p, off)
}

func (f *scratchFile) Truncate(size int64) error {
	err := f.File.Truncate(size)
	if err == nil {
		f.grow(size - f.size)
	}
	return err
}

func (f *scratchFile) Close() error {
	f.grow(-f.size)
	return f.File.Close()
}

func (f *scratchFile) grow(by int64) {
	f.size += by
	f.of.used.Add(by)
}
