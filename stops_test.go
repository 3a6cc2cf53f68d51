package tandem_test

import (
	"cmp"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

//nolint:gochecknoglobals // flags of the test binary
var (
	stopCount = flag.Int("stops", 0, "how many replications to stop; 0 for what the size of the tests says")
	stopSeed  = flag.Uint64("stops.seed", 1, "what happens before each stop, and when it comes")
)

// TestStopsAtAnyMomentLeaveBothSidesSound stops pulls and pushes at random moments while both sides
// have edits, conflicts, blobs and deletions for each other. Both databases are sound after each stop,
// and agree after one more replication.
func TestStopsAtAnyMomentLeaveBothSidesSound(t *testing.T) {
	for i, versioning := range versionings {
		t.Run(string(versioning), func(t *testing.T) {
			t.Parallel()
			const each = 20 // stops of a pair
			s := &stopping{
				random:  rand.New(rand.NewPCG(*stopSeed, uint64(i))), //nolint:gosec // reproducible on purpose
				typical: 20 * time.Millisecond,
			}
			stops := cmp.Or(*stopCount, testsize.Pick(20, 1000)) / len(versionings)
			for n := 0; n < stops; n += each {
				t.Run(fmt.Sprint(n), func(t *testing.T) { s.pair(t, versioning, min(each, stops-n)) })
			}
			t.Logf("%d of %d replications were stopped before their end", s.early, stops)
			if s.early < stops/10 {
				t.Errorf("only %d of %d replications were stopped before their end", s.early, stops)
			}
		})
	}
}

// stopping is what goes on from one pair of databases to the next.
type stopping struct {
	random  *rand.Rand
	edits   int
	early   int           // how many replications had not ended
	typical time.Duration // the longest wait before a stop; it adapts to the speed of the machine
}

func (s *stopping) pair(t *testing.T, versioning tandem.Versioning, stops int) {
	ours := defaultIn(t, newDatabase(t, tandem.Options{Versioning: versioning}))
	theirs := defaultIn(t, newDatabase(t, tandem.Options{Versioning: versioning}))
	url := offer(t, theirs).URLs()[0]
	for range stops {
		s.edit(t, ours)
		s.edit(t, theirs)
		s.stop(t, replicator(t, url, ours, ofType(s.direction())))
		wantSound(t, ours.Database())
		wantSound(t, theirs.Database())
	}
	r := replicator(t, url, ours)
	check(t, r.Start())
	check(t, r.Wait(t.Context()))
	if a, b := revisions(t, ours), revisions(t, theirs); !maps.Equal(a, b) {
		t.Errorf("after one more replication ours are %v, theirs %v", a, b)
	}
}

func (s *stopping) direction() tandem.ReplicatorType {
	all := []tandem.ReplicatorType{tandem.PushAndPull, tandem.Push, tandem.Pull}
	return all[s.random.IntN(len(all))]
}

// edit changes and deletes some documents, which the other side edits, too.
func (s *stopping) edit(t *testing.T, c *tandem.Collection) {
	t.Helper()
	check(t, c.Database().InBatch(t.Context(), func(b *tandem.Batch) error {
		for range 25 {
			if err := s.editOne(t, b, c); err != nil {
				return err
			}
		}
		return nil
	}))
}

func (s *stopping) editOne(t *testing.T, b *tandem.Batch, c *tandem.Collection) error {
	s.edits++
	id := fmt.Sprint("doc", s.random.IntN(40))
	if s.random.IntN(5) == 0 {
		err := b.Delete(c, tandem.NewDocument(id))
		if errors.Is(err, tandem.ErrNotFound) {
			return nil
		}
		return err
	}
	d := newDocument(t, id, fmt.Sprintf(`{"edit":%d,"by":%q}`, s.edits, c.Database().Path()))
	if s.random.IntN(4) == 0 {
		content := fmt.Appendf(nil, "content %d", s.random.IntN(30))
		check(t, d.SetBlob("blob", tandem.NewBlob("text/plain", content)))
	}
	return b.Save(c, d)
}

// stop starts a replicator and stops it at a random moment of its work.
func (s *stopping) stop(t *testing.T, r *tandem.Replicator) {
	t.Helper()
	check(t, r.Start())
	moment := time.NewTimer(time.Duration(s.random.Int64N(int64(s.typical))))
	defer moment.Stop()
	<-moment.C
	if r.Status().Activity == tandem.Stopped {
		s.typical = s.typical*9/10 + time.Microsecond
	} else {
		s.early++
		s.typical = s.typical * 21 / 20
	}
	r.Stop()
	eventually(t, func() bool { return r.Status().Activity == tandem.Stopped })
	check(t, r.Status().Err)
	r.Close()
}
