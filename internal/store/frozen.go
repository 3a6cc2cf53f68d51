package store

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/ncruces/go-sqlite3/vfs"
	"golang.org/x/sync/semaphore"

	"github.com/tandemdb/tandem/internal/fault"
)

// openFrozen opens the folder of a database read-only.
//
// On a read-only volume openFrozen shares the folder's lock: nobody can write there. Elsewhere it
// takes the lock exclusively, because SQLite's own locks need files that this process may not
// write.
func openFrozen(ctx context.Context, path string, o Options) (*access, error) {
	lock, err := openFrozenLock(ctx, path)
	if err != nil {
		return nil, fileFault(err, "open database", path)
	}
	a := &access{users: semaphore.NewWeighted(everybody), lock: lock}
	if exists(filepath.Join(path, resealed)) {
		err = notWriteable().Says("a change of the encryption was cut off, and waits to be finished")
	} else {
		a.keys, err = unlockFolder(path, o.Secret)
	}
	if err != nil {
		_ = lock.close() // err came first
		return nil, fileFault(err, "open database", path)
	}
	a.vfs = register(&system{VFS: vfs.Find(o.baseVFS()), keys: a.keys, frozen: true})
	return a, nil
}

func openFrozenLock(ctx context.Context, path string) (*folderLock, error) {
	name := filepath.Join(path, lockFile)
	file, err := os.OpenFile(name, os.O_RDWR, 0)
	readOnlyVolume := isReadOnly(err)
	if err != nil {
		file, err = os.Open(name)
	}
	if errors.Is(err, fs.ErrNotExist) { // the folder was copied without its lock file
		file, err = os.Open(path)
	}
	if err != nil {
		return nil, err
	}
	lock := &folderLock{path: path, file: file}
	if readOnlyVolume {
		err = lock.share(ctx)
	} else {
		err = poll(ctx, frozenWait, lock.seize)
	}
	if err != nil {
		_ = lock.close() // err came first
		return nil, err
	}
	return lock, nil
}

// frozenWait is how long a read-only opening waits for others to close the database.
const frozenWait = useLimit

// frozenParameters returns the URI parameters that open a database file read-only. If the log is
// missing or empty, immutable=1 keeps SQLite from creating one.
func frozenParameters(file string) string {
	if log, err := os.Stat(file + "-wal"); err != nil || log.Size() == 0 {
		return "&mode=ro&immutable=1"
	}
	return "&mode=ro"
}

// frozenFile is a file that nobody writes. It needs no locks.
type frozenFile struct{ vfs.File }

func (frozenFile) Lock(vfs.LockLevel) error         { return nil }
func (frozenFile) Unlock(vfs.LockLevel) error       { return nil }
func (frozenFile) CheckReservedLock() (bool, error) { return false, nil }

func notWriteable() *fault.Error {
	return fault.NotWriteable.Says("the database was opened read-only").
		Try("open it where it can be written, without the option ReadOnly")
}
