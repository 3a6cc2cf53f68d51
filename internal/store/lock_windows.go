package store

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

// tryLock replaces the file's lock by a shared or exclusive one, without waiting. If it fails, the
// file has lost its earlier lock.
func tryLock(file *os.File, exclusive bool) (bool, error) {
	handle := windows.Handle(file.Fd())
	err := windows.UnlockFileEx(handle, 0, 1, 0, new(windows.Overlapped))
	if err != nil && !errors.Is(err, windows.ERROR_NOT_LOCKED) {
		return false, err
	}
	var flags uint32 = windows.LOCKFILE_FAIL_IMMEDIATELY
	if exclusive {
		flags |= windows.LOCKFILE_EXCLUSIVE_LOCK
	}
	err = windows.LockFileEx(handle, flags, 0, 1, 0, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return false, nil
	}
	return err == nil, err
}
