//go:build !windows

package store

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// tryLock takes a shared or exclusive lock in place of the one that file has, without waiting. When
// it cannot, file may have lost what it had.
func tryLock(file *os.File, exclusive bool) (bool, error) {
	how := unix.LOCK_SH
	if exclusive {
		how = unix.LOCK_EX
	}
	err := unix.Flock(int(file.Fd()), how|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		// A failed change of locks may or may not keep the old one: give it up for sure.
		return false, unix.Flock(int(file.Fd()), unix.LOCK_UN)
	}
	if errors.Is(err, unix.EINTR) {
		return false, nil
	}
	return err == nil, err
}
