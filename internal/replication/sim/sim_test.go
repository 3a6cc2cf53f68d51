package sim_test

import (
	"cmp"
	"flag"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/tandemdb/tandem/internal/testsize"
)

//nolint:gochecknoglobals // flags of the test binary
var (
	simSeeds = flag.Int("sim.seeds", 0, "how many random worlds to try; 0 for as many as the size of the tests says")
	simSeed  = flag.Uint64("sim.seed", 0, "try only the world of this seed")
	simDays  = flag.Int("sim.days", 0, "how long a world lasts; 0 for what the size of the tests says")
)

// TestWeeksOfFlakyNetwork simulates days of several worlds, and then compares their peers.
func TestWeeksOfFlakyNetwork(t *testing.T) {
	if *simSeed != 0 {
		runWorld(t, *simSeed)
		return
	}
	for seed := range uint64(cmp.Or(*simSeeds, testsize.Pick(2, 6))) { //nolint:gosec // positive
		t.Run(fmt.Sprintf("seed %d", seed+1), func(t *testing.T) {
			t.Parallel()
			runWorld(t, seed+1)
		})
	}
}

func runWorld(t *testing.T, seed uint64) {
	dir := t.TempDir()
	testsize.Bubble(t, func(t *testing.T) {
		w := newWorld(t, dir, seed)
		defer w.end()
		days := cmp.Or(*simDays, testsize.Pick(1, 3))
		end := time.Now().Add(time.Duration(days) * 24 * time.Hour)
		for time.Now().Before(end) {
			time.Sleep(time.Duration(w.random.Int64N(int64(40 * time.Minute))))
			w.happen()
		}
		w.mend()
		w.editEach()
		time.Sleep(2 * time.Hour) // longer than any wait between attempts
		synctest.Wait()
		w.check()
		t.Logf("seed %d: %d days, %d peers: %s, %d dials", seed, days, len(w.peers), w.stats, w.dials.Load())
		if w.stats.edits == 0 || w.stats.breaks+w.stats.downs == 0 {
			t.Error("nothing has happened")
		}
		if t.Failed() {
			t.Logf("reproduce with -sim.seed %d -sim.days %d", seed, days)
		}
	})
}
