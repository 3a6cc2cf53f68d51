package tandem_test

import (
	"runtime"
	"runtime/metrics"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandemdb/tandem/internal/testsize"
)

// TestMeshGoesOnWhenManyFallSilent lets the packets of a third of the members vanish, and has another one write.
func TestMeshGoesOnWhenManyFallSilent(t *testing.T) {
	members := testsize.Pick(7, unwatched(20, 50))
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := newMeshHours(t, dir, 30, members, 1)
		time.Sleep(time.Minute)
		dead := make(map[string]bool)
		for _, d := range h.all[:members*3/10] {
			dead[d.host] = true
		}
		h.w.set(func(from, to string) bool { return !dead[from] && !dead[to] })
		left := h.all[members*3/10:]
		save(t, left[0].coll, "news", `{"n":1}`)
		began := time.Now()
		for left[0].spread(left) < len(left) && time.Since(began) < time.Minute {
			time.Sleep(100 * time.Millisecond)
		}
		took := time.Since(began)
		testsize.Figure(t, "30 % of the members vanish in silence: a change is on all others", took, 10*time.Second)
		if got := left[0].spread(left); got != len(left) || took > 10*time.Second {
			t.Errorf("after %v the change is on %d of %d members", took, got, len(left))
		}
		h.w.set(nil)
		for _, d := range h.all {
			d.close()
		}
	})
}

// spread counts the members that have the document named news.
func (d *roamer) spread(among []*roamer) (n int) {
	for _, other := range among {
		if doc, err := other.coll.Document(d.h.t.Context(), "news"); err == nil && doc != nil {
			n++
		}
	}
	return n
}

// TestMeshAtRestCostsLittle counts what members send and compute that have nothing to do.
func TestMeshAtRestCostsLittle(t *testing.T) {
	members, rest := testsize.Pick(3, 15), testsize.Pick(time.Minute, 10*time.Minute)
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		h := newMeshHours(t, dir, 31, members, 5)
		time.Sleep(2 * time.Minute)
		bytes, worked := h.w.bytes.Load(), processorTime()
		time.Sleep(rest)
		each := float64(members) * rest.Seconds()
		perSecond := float64(h.w.bytes.Load()-bytes) / each
		share := 100 * (processorTime() - worked).Seconds() / each
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

// processorTime returns the time that this process has computed, as the runtime estimates it.
func processorTime() time.Duration {
	runtime.GC() // renews the estimate
	sample := []metrics.Sample{{Name: "/cpu/classes/user:cpu-seconds"}}
	metrics.Read(sample)
	return time.Duration(sample[0].Value.Float64() * float64(time.Second))
}
