//go:build unix

package tandem_test

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tandemdb/tandem/internal/testsize"
)

// TestMeshAtRestCostsLittle counts what members send and compute that have nothing to do.
func TestMeshAtRestCostsLittle(t *testing.T) {
	members, rest := testsize.Pick(3, 15), testsize.Pick(time.Minute, 10*time.Minute)
	dir := t.TempDir()
	testsize.Bubble(t, func(t *testing.T) {
		h := newMeshHours(t, dir, 31, members, 5)
		time.Sleep(2 * time.Minute)
		bytes, worked := h.w.bytes.Load(), processorTime(t)
		time.Sleep(rest)
		each := float64(members) * rest.Seconds()
		perSecond := float64(h.w.bytes.Load()-bytes) / each
		share := 100 * (processorTime(t) - worked).Seconds() / each
		for _, d := range h.all {
			d.close()
		}
		testsize.Figure(t, "a member at rest: bytes sent each second", perSecond, 1000)
		if testsize.All() && !testsize.RaceDetector {
			testsize.Figure(t, "a member at rest: processor time, % of a core", share, 0.5)
		}
		if perSecond > 1000 {
			t.Errorf("a member at rest sends %.0f bytes each second, want at most 1000", perSecond)
		}
	})
}

// processorTime returns the time that this process has computed.
func processorTime(t testing.TB) time.Duration {
	t.Helper()
	var used unix.Rusage
	check(t, unix.Getrusage(unix.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
