package tandem_test

import (
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

// A member with a limit takes so long for what it has, whoever dials, and one without does not.
func TestAMemberKeepsToItsPace(t *testing.T) {
	const perSecond, documents = 10_000, 100
	for name, paced := range map[string]int{"the one that dials": 0, "the one that is dialled": 1, "nobody": -1} {
		t.Run(name, func(t *testing.T) {
			testsize.Bubble(t, func(t *testing.T) {
				all := airMembers(t, newAirwaves(), 2, func(i int, cfg *tandem.MultipeerReplicatorConfiguration) {
					if i == paced {
						cfg.MaxBytesPerSecond = perSecond
					}
				})
				size := 0
				for i := range documents {
					text := body(0, i)
					size += len(text)
					save(t, all[0].coll, fmt.Sprint(i), text)
				}
				check(t, all[1].Start())
				begun := time.Now()
				check(t, all[0].Start())
				for all[1].count(t) < documents {
					time.Sleep(100 * time.Millisecond)
				}
				// Bodies are compressed on the way, to no less than a tenth.
				least := time.Duration(size/10) * time.Second / perSecond
				if took := time.Since(begun); paced >= 0 && took < least || paced < 0 && took > least {
					t.Errorf("%d bytes of documents took %v, at a pace at least %v", size, took, least)
				}
			})
		})
	}
}

// airMembers are members of a simulated network, not started, of which all but the last one know the last
// one's address. They end with the test.
func airMembers(t *testing.T, w *airwaves, count int, set func(i int, cfg *tandem.MultipeerReplicatorConfiguration)) (all []*member) {
	t.Helper()
	a, dir := newGroupOwner(t), t.TempDir()
	for i := range count {
		db, err := tandem.OpenOn(t.Context(), filepath.Join(dir, fmt.Sprint(i)), plainDisk{})
		check(t, err)
		cfg := tandem.MultipeerReplicatorConfiguration{
			PeerGroupID: testGroup, Identity: a.identity(fmt.Sprint(i), testGroup), DisableDiscovery: true,
			Authenticator: tandem.MultipeerRoots(a.root()),
			Collections:   []tandem.MultipeerCollectionConfiguration{{Collection: defaultIn(t, db)}},
		}
		if i < count-1 {
			cfg.Peers = []string{airHost(count-1) + ":4984"}
		}
		set(i, &cfg)
		m, err := tandem.NewMultipeerReplicator(cfg)
		check(t, err)
		at := func() string { return airHost(i) }
		m.UseNetwork(w.listen(at), w.dial(at))
		all = append(all, &member{m, cfg.Collections[0].Collection})
		t.Cleanup(func() {
			m.Close()
			check(t, db.Close())
		})
	}
	return all
}
