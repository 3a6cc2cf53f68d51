package tandem_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

// TestMeshOfManyHasOneCopyEach gives each member documents of its own, and counts what each receives until all have
// all of them.
func TestMeshOfManyHasOneCopyEach(t *testing.T) {
	members, each := testsize.Pick(6, 15), testsize.Pick(50, unwatched(200, 1000))
	a := newGroupOwner(t)
	var configs []tandem.MultipeerReplicatorConfiguration
	for i := range members {
		cfg := memberConfig(t, a, fmt.Sprintf("m%d", i))
		coll := cfg.Collections[0].Collection
		check(t, coll.Database().InBatch(t.Context(), func(b *tandem.Batch) error {
			for j := range each {
				if err := b.Save(coll, newDocument(t, fmt.Sprintf("doc-%d-%d", i, j), body(i, j))); err != nil {
					return err
				}
			}
			return nil
		}))
		configs = append(configs, cfg)
	}
	begin := time.Now()
	all := []*member{startMember(t, configs[0])}
	for _, cfg := range configs[1:] {
		cfg.Peers = all[0].Addresses()[:1]
		all = append(all, startMember(t, cfg))
	}
	waitSame(t, members*each, all...)
	took := time.Since(begin)
	most, sum := 0.0, 0.0
	for _, m := range all {
		check(t, m.Wait(t.Context())) // what is stored is counted a little later
		copies := float64(m.Status().Progress.Pull.Bytes) / float64((members-1)*each*len(body(0, 0)))
		most, sum = max(most, copies), sum+copies
	}
	t.Logf("%d members with %d documents each agree after %v; copies received by each: %.2f, at most %.2f",
		members, each, took, sum/float64(members), most)
	testsize.Figure(t, fmt.Sprintf("%d members with %d documents each, until all agree", members, each), took, 15*time.Second)
	testsize.Figure(t, "copies that each receives until then", sum/float64(members), 1.2)
	if mean := sum / float64(members); mean > 1.2 || mean < 0.9 {
		t.Errorf("each member received %.2f copies, want one", mean)
	}
	wantSameContents(t, all...)
}

// unwatched returns the size all, or the smaller size watched under the race detector.
func unwatched(watched, all int) int {
	if testsize.RaceDetector {
		return watched
	}
	return all
}

func body(i, j int) string {
	return fmt.Sprintf(`{"member":"%06d","number":"%06d","text":"%0200d"}`, i, j, j)
}

// wantSameContents fails unless all members have the same documents, with the same revisions.
func wantSameContents(t testing.TB, all ...*member) {
	t.Helper()
	contents := func(m *member) (list []string) {
		for d, err := range m.coll.AllWithDeleted(context.Background()) {
			check(t, err)
			list = append(list, d.ID()+" "+d.RevisionID()+" "+string(d.Body()))
		}
		slices.Sort(list)
		return list
	}
	want := contents(all[0])
	for i, m := range all[1:] {
		if got := contents(m); !slices.Equal(got, want) {
			t.Errorf("member %d has %d documents that differ from the %d of the first", i+1, len(got), len(want))
		}
	}
}

// TestMeshSpreadsAChange measures how long a change on one member takes to all others.
func TestMeshSpreadsAChange(t *testing.T) {
	members, changes := testsize.Pick(5, 15), testsize.Pick(5, 100)
	a := newGroupOwner(t)
	all := startMembers(t, a, members)
	waitLinked(t, all)
	var took []time.Duration
	for i := range changes {
		var arrivals sync.WaitGroup
		id := fmt.Sprintf("change-%d", i)
		from := all[i%members]
		var tokens []*tandem.ListenerToken
		for _, m := range all {
			if m == from {
				continue
			}
			arrivals.Add(1)
			arrived := sync.OnceFunc(arrivals.Done)
			token, err := m.coll.AddDocumentChangeListener(t.Context(), id, func(tandem.DocumentChange) { arrived() })
			check(t, err)
			tokens = append(tokens, token)
		}
		begin := time.Now()
		save(t, from.coll, id, `{"n":1}`)
		arrivals.Wait()
		took = append(took, time.Since(begin))
		for _, token := range tokens {
			token.Remove()
		}
	}
	slices.Sort(took)
	t.Logf("a change of one of %d is on all others after %v (median), %v (p99)", members, took[len(took)/2], took[len(took)*99/100])
	testsize.Figure(t, fmt.Sprintf("a change of one of %d is on all others, median", members), took[len(took)/2], 50*time.Millisecond)
	testsize.Figure(t, "… 99th percentile", took[len(took)*99/100], 250*time.Millisecond)
	wantSameContents(t, all...)
}

// waitLinked waits until each member sees all others.
func waitLinked(t testing.TB, all []*member) {
	t.Helper()
	if !testsize.Eventually(testsize.Patience, func() bool {
		time.Sleep(10 * time.Millisecond)
		return !slices.ContainsFunc(all, func(m *member) bool { return m.Status().Online != len(all)-1 })
	}) {
		for _, m := range all {
			t.Logf("%+v", m.Status())
		}
		t.Fatal("not every member sees all others")
	}
}

// TestMeshFromOneAddress starts many members that know the address of the first one alone, and then stops a third of
// them, the first one included.
func TestMeshFromOneAddress(t *testing.T) {
	members := testsize.Pick(10, unwatched(25, 50))
	a := newGroupOwner(t)
	begin := time.Now()
	all := startMembers(t, a, members)
	started := time.Since(begin)
	waitLinked(t, all)
	most := 0
	for _, m := range all {
		most = max(most, m.Status().Neighbors)
	}
	t.Logf("%d members see each other after %v, of which starting them took %v; most neighbours: %d", members, time.Since(begin), started, most)
	testsize.Figure(t, fmt.Sprintf("%d members that know one address see each other", members), time.Since(begin), 15*time.Second)
	var stopping sync.WaitGroup
	for _, m := range all[:members*3/10] {
		stopping.Go(m.Close)
	}
	left := all[members*3/10:]
	begin = time.Now()
	save(t, left[0].coll, "news", `{"n":1}`)
	waitSame(t, 1, left...)
	t.Logf("a change is on the other %d after %v", len(left), time.Since(begin))
	testsize.Figure(t, "a third of them stops: a change is on all others", time.Since(begin), 10*time.Second)
	stopping.Wait()
	waitLinked(t, left)
	for _, m := range left {
		await(t, "no member has more neighbours than the limit", func() bool { return m.Status().Neighbors <= 8 })
	}
}
