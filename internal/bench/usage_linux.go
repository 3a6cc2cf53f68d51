package bench

import (
	"bytes"
	"os"
	"strconv"
)

// peakBytes returns the most memory that was ever resident, residentBytes what is now.
func peakBytes() uint64     { return fromStatus("VmHWM:") }
func residentBytes() uint64 { return fromStatus("VmRSS:") }

// fromStatus reads a size from what the kernel tells of this process; 0 if it does not.
func fromStatus(name string) uint64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range bytes.Lines(status) {
		fields := bytes.Fields(line)
		if len(fields) >= 2 && string(fields[0]) == name {
			kilobytes, _ := strconv.ParseUint(string(fields[1]), 10, 64) // 0 is "not known"
			return kilobytes << 10
		}
	}
	return 0
}
