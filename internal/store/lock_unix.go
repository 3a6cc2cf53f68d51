//go:build !windows

package store

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// tryLock replaces the file's lock by a shared or exclusive one, without waiting. If it fails, the
// file may have lost its earlier lock.
func tryLock(file *os.File, exclusive bool) (bool, error) {
	how := unix.LOCK_SH
	if exclusive {
		how = unix.LOCK_EX
	}
	err := unix.Flock(int(file.Fd()), how|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		// After a failed conversion the old lock may or may not be held, so it is released
		// explicitly.
		return false, unix.Flock(int(file.Fd()), unix.LOCK_UN)
	}
	if errors.Is(err, unix.EINTR) {
		return false, nil
	}
	return err == nil, err
}
