package outbox_test

import (
	"cmp"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/tandemdb/tandem/internal/replication/outbox"
	"github.com/tandemdb/tandem/internal/testsize"
)

//nolint:gochecknoglobals // flags of the test binary
var (
	steps = flag.Int("outbox.steps", 0, "how many steps the model takes; 0 for a sample")
	seed  = flag.Uint64("outbox.seed", 0, "take the steps of this seed alone, and print them if they fail")
)

// TestNothingIsLostDoubledOrForgotten plays random orders of changes, answers, refusals and losses against
// a plain model: everything is delivered, refused for good with the user told, or still pending; memory is
// bounded; nothing is sent that nobody asked for.
func TestNothingIsLostDoubledOrForgotten(t *testing.T) {
	if *seed != 0 {
		w := play(*seed, sound, true)
		t.Logf("\n%s", w.trace)
		if len(w.wrong) > 0 {
			t.Errorf("seed %d: %s", *seed, strings.Join(w.wrong, "\n"))
		}
		return
	}
	taken := 0
	for next := uint64(1); taken < cmp.Or(*steps, testsize.Pick(150_000, 2_000_000)); next++ {
		w := play(next, sound, false)
		taken += w.steps
		if len(w.wrong) > 0 {
			w = play(next, sound, true)
			lines := strings.Split(w.trace.String(), "\n")
			t.Fatalf("seed %d (-outbox.seed %d): %s\nits last steps:\n%s", next, next,
				strings.Join(w.wrong[:min(3, len(w.wrong))], "\n"), strings.Join(lines[max(0, len(lines)-60):], "\n"))
		}
	}
	t.Logf("%d steps", taken)
}

// plant makes the box of a world of an outbox: the outbox itself, or one with a fault.
type plant func(o *outbox.Outbox, w *world) box

func sound(o *outbox.Outbox, _ *world) box { return o }

// play takes the steps of a seed, up to the first that is wrong.
func play(seed uint64, plant plant, traced bool) *world {
	random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a test's choices
	w := &world{
		random: random, offers: random.IntN(3) == 0, pulls: random.IntN(2) == 0, strict: random.IntN(2) == 0,
		peer: make(map[string]version), had: make(map[string]version), refused: make(map[outbox.Sequence]bool),
		limits: outbox.Limits{
			Batch: 1 + random.IntN(5), Announcements: 1 + random.IntN(4), Wanted: random.IntN(8), Attempts: 3,
			Revs: 1 + random.IntN(4), Bytes: 1 + random.IntN(20), UnansweredRevs: 1 + random.IntN(6), UnansweredBytes: 1 + random.IntN(30),
		},
	}
	if traced {
		w.trace = new(strings.Builder)
	}
	w.pulls = w.pulls && !w.offers
	for i := range 2 + random.IntN(12) {
		w.docs = append(w.docs, &document{id: fmt.Sprintf("d%d", i)})
	}
	if random.IntN(4) == 0 {
		w.chosen.IDs = map[string]bool{"d0": true, "d1": true, "d2": true}
	}
	w.chosen.LiveOnly = w.offers && random.IntN(4) == 0
	w.ledger = &ledger{w: w, pending: make(map[outbox.Sequence]bool)}
	sessions := 1 + random.IntN(4)
	for n := range sessions {
		w.benign = n == sessions-1
		w.session(plant, 20+random.IntN(200))
		if len(w.wrong) > 0 {
			return w
		}
	}
	w.checkDelivered()
	return w
}

// session holds one conversation. The last one is benign, and ends at rest; the others are cut.
func (w *world) session(plant plant, length int) {
	role := outbox.Role(outbox.Proposes{Pulls: w.pulls})
	if w.offers {
		role = outbox.Offers{Continuous: true}
	}
	w.chosen.Fresh, w.cursor, w.target = w.last, w.ledger.begin(), true
	w.chosen.After = w.cursor
	w.announced, w.sent, w.marking, w.caughtUp = nil, nil, nil, false
	w.asked, w.forbidden = make(map[*outbox.Item]bool), make(map[*outbox.Item]int)
	w.told, w.toldItems = make(map[outbox.Sequence]outbox.End), make(map[*outbox.Item]bool)
	w.isDelta = make(map[*outbox.Item]bool)
	w.shown, w.front, w.reminded = make(map[outbox.Sequence]bool), 0, make(map[string]bool)
	w.box = plant(outbox.New(role, w.ledger, w.limits, w.chosen), w)
	w.note("session: offers %v, pulls %v, strict %v, benign %v, from %d", w.offers, w.pulls, w.strict, w.benign, w.cursor)
	for range length {
		w.steps++
		w.event()
		w.checkAlways()
		if len(w.wrong) > 0 {
			return
		}
	}
	if w.benign {
		for _, d := range w.docs {
			if d.filter == fails {
				d.filter = passes
			}
		}
		w.settle()
		return
	}
	if w.chance(2) {
		w.settle()
	}
	w.box.Lost()
	for w.do() {
		w.steps++
	}
}
