//go:build !windows

package store

import "golang.org/x/sys/unix"

// inodeOf returns the file's inode number, or 0 if the system does not tell. It does not open the
// file, because closing it would release SQLite's locks on it.
func inodeOf(file string) uint64 {
	var stat unix.Stat_t
	if err := unix.Stat(file, &stat); err != nil {
		return 0
	}
	return stat.Ino
}
