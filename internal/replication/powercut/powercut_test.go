package powercut_test

import (
	"flag"
	"testing"

	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

//nolint:gochecknoglobals // flags of the test binary
var (
	cutAt  = flag.Int("powercut.at", 0, "try only this step")
	cutAll = flag.Bool("powercut.all", false, "try each step, not a part of them")
)

// stride is the distance between cuts, unless every step is tried. It has no common factor with the
// period of the steps.
func stride() int { return testsize.Pick(151, 29) }

// TestNothingPromisedIsLost cuts the power of one of two peers at each step of its disk.
func TestNothingPromisedIsLost(t *testing.T) {
	for _, versioning := range []store.Versioning{store.RevTrees, store.VersionVectors} {
		for _, victim := range []string{"active", "passive"} {
			t.Run(string(versioning)+"/"+victim, func(t *testing.T) {
				t.Parallel()
				sweep(t, versioning, victim)
			})
		}
	}
}

// sweep tries cuts until one lies past the last step.
func sweep(t *testing.T, versioning store.Versioning, victim string) {
	if *cutAt > 0 {
		runCut(t, versioning, victim, *cutAt)
		return
	}
	by := stride()
	if *cutAll {
		by = 1
	}
	tried, cut := 0, 1
	for ; runCut(t, versioning, victim, cut); cut += by {
		tried++
		if t.Failed() {
			t.Fatalf("reproduce with -run '%s' -powercut.at %d", t.Name(), cut)
		}
	}
	t.Logf("the power was cut at %d of about %d steps", tried, cut)
	if tried < 300/by {
		t.Errorf("only %d cuts were tried: is the disk in use?", tried)
	}
}

// runCut runs the peers with a power cut at a step of the victim's disk. It reports whether the
// victim reached the step.
func runCut(t *testing.T, versioning store.Versioning, victim string, cut int) (reached bool) {
	p := newPair(t, versioning, victim, cut)
	defer p.close()
	err := p.run()
	select {
	case <-p.victim.disk.Failing():
	default:
		if err != nil {
			t.Fatalf("cut %d, which was not reached: %v", cut, err)
		}
		return false
	}
	p.restart(uint64(cut)) //nolint:gosec // positive
	p.checkAfterwards(cut)
	return true
}
