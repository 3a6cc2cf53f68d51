package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
)

// lockFile is locked, shared, by everyone who has the database open, and exclusively by whoever
// replaces its files. SQLite's own locks cannot serve: they vanish with the file that is replaced.
const lockFile = "lock"

// lockPause is how long to wait before a lock is asked for again, the folder's or SQLite's.
const lockPause = 5 * time.Millisecond

// folderLock is the lock of a database's folder: shared, seized, or neither.
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

// share waits until nobody has seized the folder, at most busyTimeout.
func (l *folderLock) share(ctx context.Context) error {
	return poll(ctx, busyTimeout, func() (bool, error) { return tryLock(l.file, false) })
}

// seize takes the folder for the caller alone, if nobody else shares it. Otherwise the caller has
// lost its own share, too.
func (l *folderLock) seize() (bool, error) { return tryLock(l.file, true) }

// close gives the lock up.
func (l *folderLock) close() error { return l.file.Close() }

// poll repeats try until it succeeds or fails. After the time limit the error is fault.Busy.
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

// exists reports whether there is anything at path; whatever hinders the look counts as yes.
func exists(path string) bool {
	_, err := os.Lstat(path)
	return !errors.Is(err, os.ErrNotExist)
}
