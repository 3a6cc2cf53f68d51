package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// lockFile is locked in shared mode by everybody who has the database open, and exclusively by a
// process that replaces the database's files. SQLite's own locks cannot do this: they vanish with
// the replaced file.
const lockFile = "lock"

// lockPause is the wait between two attempts to take a lock, the folder's or SQLite's.
const lockPause = 5 * time.Millisecond

// folderLock is the lock of a database's folder: shared, exclusive, or not held.
type folderLock struct {
	path string
	file *os.File
}

func openLock(path string) (*folderLock, error) {
	file, err := os.OpenFile(filepath.Join(path, lockFile), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fileFault(err, "open database", path)
	}
	return &folderLock{path: path, file: file}, nil
}

// share takes the shared lock. It waits at most busyTimeout for the holder of the exclusive lock.
func (l *folderLock) share(ctx context.Context) error {
	return poll(ctx, busyTimeout, func() (bool, error) { return tryLock(l.file, false) })
}

// seize takes the exclusive lock if nobody else holds the lock. If it fails, the caller has lost
// its shared lock, too.
func (l *folderLock) seize() (bool, error) { return tryLock(l.file, true) }

// close releases the lock.
func (l *folderLock) close() error { return l.file.Close() }

// poll repeats try until it is done or fails. After the time limit the error is fault.Busy.
func poll(ctx context.Context, limit time.Duration, try func() (bool, error)) error {
	for deadline := time.Now().Add(limit); ; {
		done, err := try()
		switch {
		case done || err != nil:
			return err
		case time.Now().After(deadline):
			return busy()
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(lockPause):
		return nil
	}
}

func busy() *fault.Error {
	return fault.Busy.Says("the database is in use").
		Try("close it everywhere else, or wait until what uses it is done, then try again")
}

// exists reports whether path exists; an error other than "not found" counts as existing.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, os.ErrNotExist)
}
