//go:build unix

package store_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/store"
)

// BenchmarkLoadByIDs loads 500,000 documents, and reports the rates of the first and the last tenth, by the
// clock and by the processor's time alone, which other work on the machine does not change: how much a load slows
// down depends on whether the IDs grow, and on how many documents share a commit.
func BenchmarkLoadByIDs(b *testing.B) {
	const tenth, tenths = 50_000, 10
	source := rand.New(rand.NewPCG(1, 2))
	anyID := func() string { return fmt.Sprintf("~%016x%06x", source.Uint64(), source.Uint32()>>8) } // as long as ours
	for _, x := range []struct {
		name  string
		newID func() string
		batch int
	}{
		{"by time", document.NewID, 1_000},
		{"random", anyID, 1_000},
		{"random, sorted in commits of 1000", anyID, -1_000},
		{"random, sorted in commits of 10000", anyID, -10_000},
		{"random, sorted in commits of 50000", anyID, -50_000},
	} {
		b.Run(x.name, func(b *testing.B) {
			for b.Loop() {
				db := open(b, store.Options{})
				c := defaults(b, db)
				var rates, work [tenths]float64
				for i := range rates {
					begin, worked := time.Now(), processorTime(b)
					load(b, db, c, x.newID, tenth, x.batch)
					rates[i], work[i] = tenth/time.Since(begin).Seconds(), tenth/(processorTime(b)-worked).Seconds()
				}
				b.ReportMetric(rates[0], "first/s")
				b.ReportMetric(rates[tenths-1], "last/s")
				b.ReportMetric(work[0], "first/cpu-s")
				b.ReportMetric(work[tenths-1], "last/cpu-s")
			}
		})
	}
}

// load stores n documents, so many in a commit; a negative number sorts those of a commit by ID.
func load(b *testing.B, db *store.DB, c *store.Collection, newID func() string, n, batch int) {
	b.Helper()
	size := max(batch, -batch)
	for range n / size {
		ids := make([]string, size)
		for i := range ids {
			ids[i] = newID()
		}
		if batch < 0 {
			slices.Sort(ids)
		}
		err := db.Update(background, func(tx *store.Tx) error {
			for _, id := range ids {
				if _, err := tx.Save(c, store.Edit{ID: id, Body: kilobyte}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	}
}

// processorTime returns how long the process has kept processors busy.
func processorTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}
