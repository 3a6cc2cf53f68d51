//go:build !windows

package store

import "golang.org/x/sys/unix"

// inodeOf returns the number of the file within its file system, 0 if the system does not say. It
// does not open the file: closing it again would release SQLite's locks on it.
func inodeOf(file string) uint64 {
	var stat unix.Stat_t
	if err := unix.Stat(file, &stat); err != nil {
		return 0
	}
	return stat.Ino
}
