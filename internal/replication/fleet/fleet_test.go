package fleet_test

import (
	"cmp"
	"flag"
	"fmt"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/testsize"
)

//nolint:gochecknoglobals // flags of the test binary
var (
	fleetSeeds = flag.Int("fleet.seeds", 0, "how many networks of each shape to try; 0 for as many as the size of the tests says")
	fleetSeed  = flag.Uint64("fleet.seed", 0, "try only the network of this seed, and log what happens")
	fleetShape = flag.String("fleet.shape", "", "try only this shape")
)

// shape is a kind of network.
type shape struct {
	name    string
	bridges int  // databases of both generations, at most
	linked  bool // which sync with each other
	roams   bool // apps sync with several of them
	dials   bool // they lead the sessions with apps; otherwise the apps do
	serial  bool // each edit is made on the newest content: nothing is in conflict
	upgrade bool // apps of the third generation are upgraded in place, midway

	whole bool // it is left out of a sample

	// Of 100 networks, how many may end wrong: an app that roams may see a conflict that is none.
	allowed int
}

func shapes() []shape {
	return []shape{
		{name: "one", bridges: 1},
		{name: "one serial", bridges: 1, serial: true},
		{name: "one dials", bridges: 1, dials: true, whole: true},
		{name: "linked", bridges: 3, linked: true, allowed: 2},
		{name: "linked serial", bridges: 3, linked: true, serial: true, whole: true},
		{name: "linked dials serial", bridges: 3, linked: true, dials: true, serial: true},
		{name: "upgrade", bridges: 2, linked: true, upgrade: true, allowed: 4, whole: true},
		{name: "upgrade serial", bridges: 2, linked: true, upgrade: true, serial: true},
		{name: "roam", bridges: 3, linked: true, roams: true, allowed: 20},
		{name: "roam serial", bridges: 3, linked: true, roams: true, serial: true, allowed: 8, whole: true},
		{name: "unlinked serial", bridges: 3, roams: true, serial: true, allowed: 20},
	}
}

// TestFleetsComeToRest repeats a seed with -fleet.shape and -fleet.seed.
func TestFleetsComeToRest(t *testing.T) {
	seeds := cmp.Or(*fleetSeeds, testsize.Pick(1, 5))
	for _, s := range shapes() {
		if *fleetShape != "" && s.name != *fleetShape {
			continue
		}
		t.Run(s.name, func(t *testing.T) {
			if s.whole && *fleetShape == "" && *fleetSeeds == 0 {
				testsize.Whole(t)
			}
			t.Parallel()
			if *fleetSeed != 0 {
				if wrong := play(t, s, *fleetSeed); len(wrong) > 0 {
					t.Error(strings.Join(wrong, "\n"))
				}
				return
			}
			var wrong []string
			for seed := range uint64(seeds) { //nolint:gosec // positive
				if w := play(t, s, seed+1); len(w) > 0 {
					wrong = append(wrong, fmt.Sprintf("-fleet.shape %q -fleet.seed %d -v: %s", s.name, seed+1, strings.Join(w, "\n")))
				}
			}
			t.Logf("%d of %d networks end wrong%s", len(wrong), seeds, strings.Join(append([]string{""}, wrong...), "\n"))
			if allowed := (s.allowed*seeds + 99) / 100; len(wrong) > allowed+min(allowed, 1) {
				t.Errorf("%d of %d networks end wrong, want %d at most:\n%s", len(wrong), seeds, allowed+min(allowed, 1), strings.Join(wrong, "\n"))
			}
		})
	}
}

// play plays a network, and returns what is wrong with it.
func play(t *testing.T, s shape, seed uint64) (wrong []string) {
	dir := t.TempDir()
	testsize.Bubble(t, func(t *testing.T) {
		n := newNetwork(t, s, seed, dir)
		defer n.close()
		for round := 0; round < 2 && len(n.wrong) == 0; round++ {
			n.live()
			n.settle()
			n.check()
			n.editEachOnce()
			n.settle()
			n.check()
		}
		wrong = n.wrong
	})
	return wrong
}
