package bench

import "golang.org/x/sys/unix"

// peakBytes returns the most memory that was ever resident.
func peakBytes() uint64 {
	var used unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &used) != nil {
		return 0
	}
	return uint64(used.Maxrss) //nolint:gosec // a size
}

// residentBytes is not known.
func residentBytes() uint64 { return 0 }
