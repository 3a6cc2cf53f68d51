package bench

import (
	"time"

	"golang.org/x/sys/windows"
)

func cpuSeconds() float64 {
	var created, exited, kernel, user windows.Filetime
	if windows.GetProcessTimes(windows.CurrentProcess(), &created, &exited, &kernel, &user) != nil {
		return 0
	}
	return time.Duration(100 * (ticks(kernel) + ticks(user))).Seconds()
}

// ticks is a length of time in units of 100 ns.
func ticks(t windows.Filetime) int64 { return int64(t.HighDateTime)<<32 | int64(t.LowDateTime) }
