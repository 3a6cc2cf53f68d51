package bench

import (
	"context"
	"runtime"
	"runtime/debug"
)

// Usage holds the resources that a process has used.
type Usage struct {
	// PeakBytes is the most memory that was resident; 0 where the system does not tell.
	PeakBytes uint64 `json:"peakBytes"`

	// Allocations and AllocatedBytes are all that Go has allocated, for good or for a moment.
	Allocations    uint64 `json:"allocations"`
	AllocatedBytes uint64 `json:"allocatedBytes"`

	// CPUSeconds is the processors' time; 0 where the system does not tell.
	CPUSeconds float64 `json:"cpuSeconds"`
}

// since is what was used after the moment of before. The peak is of all the time.
func (u Usage) since(before Usage) Usage {
	u.Allocations -= before.Allocations
	u.AllocatedBytes -= before.AllocatedBytes
	u.CPUSeconds -= before.CPUSeconds
	return u
}

// usage tells what this process has used.
func (*peer) usage(context.Context, none) (Usage, error) {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return Usage{
		PeakBytes: peakBytes(), Allocations: m.Mallocs, AllocatedBytes: m.TotalAlloc, CPUSeconds: cpuSeconds(),
	}, nil
}

// shrinking is how many garbage collections bring a stack down to its least size: each halves it.
const shrinking = 5

// memory is what a process holds after garbage collections, in bytes.
type memory struct {
	Go       uint64 `json:"go"`       // heap and stacks
	Resident uint64 `json:"resident"` // 0 where the system does not tell
}

func (*peer) memory(context.Context, none) (memory, error) {
	for range shrinking {
		runtime.GC()
	}
	debug.FreeOSMemory()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return memory{Go: m.HeapAlloc + m.StackInuse, Resident: residentBytes()}, nil
}
