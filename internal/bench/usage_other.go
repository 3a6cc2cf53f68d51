//go:build !linux && !darwin

package bench

// What this system does not tell in a simple way counts as not known.

func peakBytes() uint64     { return 0 }
func residentBytes() uint64 { return 0 }
