package tandem_test

import (
	"bytes"
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

// fill stores so many documents.
func fill(t testing.TB, c *tandem.Collection, prefix string, n int) {
	t.Helper()
	err := c.Database().InBatch(t.Context(), func(b *tandem.Batch) error {
		for i := range n {
			if err := b.Put(c, fmt.Sprintf("%s%07d", prefix, i), map[string]int{"n": i}); err != nil {
				return err
			}
		}
		return nil
	})
	check(t, err)
}

// totals are the distinct totals that a replicator told, in order, and 0 before the first.
type totals struct {
	mu         sync.Mutex
	push, pull []uint64
}

func (s *totals) note(status tandem.ReplicatorStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	add := func(to *[]uint64, d tandem.DirectionProgress) {
		if last := len(*to) - 1; d.Total > 0 && (last < 0 || (*to)[last] != d.Total) {
			*to = append(*to, d.Total)
		}
	}
	add(&s.push, status.Progress.Push)
	add(&s.pull, status.Progress.Pull)
}

func watchTotals(t testing.TB, r *tandem.Replicator) *totals {
	t.Helper()
	seen := new(totals)
	t.Cleanup(r.AddChangeListener(seen.note).Remove)
	return seen
}

// The total of a progress is right as soon as there is one, and stays so: from the beginning, after
// a sync, with deleted documents, and with a selection of documents.
func TestTheTotalIsRightFromTheBeginning(t *testing.T) { // E3
	n := testsize.Pick(1_000, 200_000)
	for _, direction := range []tandem.ReplicatorType{tandem.Push, tandem.Pull} {
		t.Run(direction.String(), func(t *testing.T) {
			theirs, ours := newCollection(t), newCollection(t)
			from := ours
			if direction == tandem.Pull {
				from = theirs
			}
			l := offer(t, theirs)
			run := func(step string, want int, changes ...func(*tandem.ReplicatorConfiguration)) {
				t.Helper()
				r := replicator(t, l.URLs()[0], ours, append(changes, ofType(direction))...)
				seen := watchTotals(t, r)
				status := syncOnce(t, r)
				got := seen.push
				done := status.Progress.Push
				if direction == tandem.Pull {
					got, done = seen.pull, status.Progress.Pull
				}
				if !slices.Equal(got, []uint64{uint64(want)}) || done.Completed != uint64(want) {
					t.Errorf("%s: totals %d and %d completed, want %d all the time", step, got, done.Completed, want)
				}
			}
			fill(t, from, "a", n)
			run("everything", n)
			fill(t, from, "b", n/2)
			for i := range 10 {
				doc := read(t, from, fmt.Sprintf("a%07d", i))
				check(t, from.Delete(t.Context(), doc))
			}
			run("what is new", n/2+10)
			run("a selection", 2, func(c *tandem.ReplicatorConfiguration) {
				c.Collections[0].DocumentIDs = []string{"b0000001", "b0000002"}
				for _, id := range c.Collections[0].DocumentIDs {
					save(t, from, id, `{"again":1}`)
				}
			})
		})
	}
}

// A filter shrinks the total by what it holds back.
func TestTheTotalShrinksByWhatIsHeldBack(t *testing.T) {
	const n = 1_000
	theirs, ours := newCollection(t), newCollection(t)
	fill(t, ours, "", n)
	r := replicator(t, offer(t, theirs).URLs()[0], ours, func(c *tandem.ReplicatorConfiguration) {
		c.Collections[0].PushFilter = func(d *tandem.Document, _ tandem.DocumentFlags) bool {
			return d.ID() < fmt.Sprintf("%07d", n/4)
		}
	})
	seen := watchTotals(t, r)
	status := syncOnce(t, r)
	if got := status.Progress.Push; got.Total != n/4 || got.Completed != n/4 {
		t.Errorf("at the end %d of %d, want %d", got.Completed, got.Total, n/4)
	}
	if !slices.IsSortedFunc(seen.push, func(a, b uint64) int { return int(b) - int(a) }) {
		t.Errorf("totals %d, want them to shrink alone", seen.push)
	}
}

// A check, a copy and a compaction report one total, growing work, and the total at the end.
func TestLongOperationsTellHowFarTheyAre(t *testing.T) { // E3
	db := newDatabase(t, tandem.Options{})
	coll := defaultIn(t, db)
	fill(t, coll, "", 2_000)
	check(t, coll.CreateIndex(t.Context(), "n", tandem.ValueIndex{Expressions: []string{"n"}}))
	doc := newDocument(t, "with blob", `{}`)
	check(t, doc.SetBlob("photo", tandem.NewBlob("text/plain", bytes.Repeat([]byte("photo"), 10_000))))
	check(t, coll.Save(t.Context(), doc))
	check(t, coll.Purge(t.Context(), "0000001"))
	purgeAndCompact := func(ctx context.Context) error {
		check(t, db.InBatch(t.Context(), func(b *tandem.Batch) error {
			for i := 2; i < 1_000; i++ {
				check(t, b.Purge(coll, fmt.Sprintf("%07d", i)))
			}
			return nil
		}))
		return db.Compact(ctx)
	}
	for _, step := range []struct {
		name string
		run  func(context.Context) error
	}{
		{"check", func(ctx context.Context) error { _, err := db.Check(ctx); return err }},
		{"copy", func(ctx context.Context) error { return db.Copy(ctx, filepath.Join(t.TempDir(), "copy")) }},
		{"compact", purgeAndCompact},
		{"compact without a new file", db.Compact},
	} {
		var done, total []uint64
		check(t, step.run(tandem.ContextWithProgress(t.Context(), func(d, all uint64) { done, total = append(done, d), append(total, all) })))
		last := len(done) - 1
		if last < 1 || done[0] != 0 || done[last] != total[last] || total[last] < 2_000 || !slices.IsSorted(done) {
			t.Errorf("%s: done %d of %d, want from 0 to the total", step.name, done, total)
		}
		if slices.Min(total) != slices.Max(total) {
			t.Errorf("%s: totals %d, want one", step.name, total)
		}
	}
}
