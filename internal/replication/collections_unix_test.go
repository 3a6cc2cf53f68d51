//go:build unix

package replication_test

import (
	"fmt"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// spread makes a peer of n collections with one document each, whose IDs begin with prefix.
func spread(t testing.TB, v store.Versioning, n int, prefix string) (*peer, []*store.Collection) {
	t.Helper()
	p := newPeer(t, v)
	all := make([]*store.Collection, n)
	p.update(func(tx *store.Tx) (err error) {
		for i := range all {
			name := fmt.Sprintf("c%03d", i)
			if all[i], err = tx.CreateCollection("many", name); err != nil {
				return err
			}
			if _, err := tx.Save(all[i], store.Edit{ID: prefix + name, Body: []byte(`{"n":1}`)}); err != nil {
				return err
			}
		}
		return nil
	})
	return p, all
}

// syncSpread syncs two peers of n collections both ways, and returns the processor time of that.
func syncSpread(t testing.TB, v store.Versioning, n int) time.Duration {
	t.Helper()
	a, ours := spread(t, v, n, "a-")
	p, theirs := spread(t, v, n, "p-")
	before := processorTime(t)
	l := sync(t, a, p, func(active *replication.Active, passive *replication.Passive) {
		active.Collections, passive.Collections = nil, theirs
		for _, c := range ours {
			active.Collections = append(active.Collections, replication.CollectionOptions{Collection: c, Push: true, Pull: true})
		}
	})
	cost := processorTime(t) - before
	if got := l.active.Progress(); got.Push.Documents != uint64(n) || got.Pull.Documents != uint64(n) {
		t.Fatalf("%d collections: pushed %d documents and pulled %d, want one of each", n, got.Push.Documents, got.Pull.Documents)
	}
	return cost
}

// processorTime returns what the process has used of it, its own and the system's.
func processorTime(t testing.TB) time.Duration {
	t.Helper()
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// leastSpread returns the least processor time of several syncs: what else the machine does only adds to it.
func leastSpread(t testing.TB, n, times int) time.Duration {
	t.Helper()
	least := syncSpread(t, store.VersionVectors, n)
	for range times - 1 {
		least = min(least, syncSpread(t, store.VersionVectors, n))
	}
	return least
}

// TestManyCollectionsCostWhatTheyHold compares 200 collections with 10, which have a twentieth of the documents.
func TestManyCollectionsCostWhatTheyHold(t *testing.T) {
	testsize.TrueSpeed(t)
	few, many := leastSpread(t, 10, 5), leastSpread(t, 200, 5)
	ratio := many.Seconds() / few.Seconds()
	t.Logf("10 collections: %v, 200: %v, %.1f times as much", few, many, ratio)
	if ratio > 30 {
		t.Errorf("200 collections take %.1f times the processor time of 10 (%v, %v), want 30 at most", ratio, many, few)
	}
}

func BenchmarkManyCollections(b *testing.B) {
	for _, n := range []int{1, 10, 50, 100, 200} {
		b.Run(strconv.Itoa(n), func(b *testing.B) {
			var least time.Duration
			for b.Loop() {
				if cost := syncSpread(b, store.VersionVectors, n); least == 0 || cost < least {
					least = cost
				}
			}
			b.ReportMetric(least.Seconds()*1_000, "cpu-ms")
		})
	}
}
