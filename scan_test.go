package tandem_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

// TestE21AScanAgreesWithAList compares scans by random options with a filtered list of all IDs.
func TestE21AScanAgreesWithAList(t *testing.T) {
	coll := newCollection(t)
	ids := []string{"a", "a/1", "a/2", "b", "b\U0010FFFF", "b\U0010FFFFc", "b\uFFFD", "b\uFFFDc", "z", "é", "\U0010FFFF"}
	for i := range 40 { // more than the first portion
		ids = append(ids, fmt.Sprintf("m%02d", i))
	}
	for _, id := range ids {
		check(t, coll.Put(t.Context(), id, map[string]string{"my": id}))
	}
	for _, id := range []string{"a/2", "m05", "m39"} {
		check(t, coll.Delete(t.Context(), read(t, coll, id)))
	}
	slices.Sort(ids)
	bound := rapid.SampledFrom(append([]string{"", "", "a", "a/", "b", "m", "m0", "m10", "m2x", "\xff", "b\xff", "b\uFFFD", "é", "zz"}, ids...))
	prefixes := []string{"", "a", "a/", "b", "b\uFFFD", "b\U0010FFFF", "m", "m1", "\xff"}
	for _, prefix := range prefixes {
		wantScan(t, coll, ids, tandem.ScanOptions{Prefix: prefix})
		wantScan(t, coll, ids, tandem.ScanOptions{Prefix: prefix, Descending: true, Limit: 2})
	}
	testsize.Check(t, func(rt *rapid.T) {
		o := tandem.ScanOptions{
			Prefix: rapid.SampledFrom(prefixes).Draw(rt, "prefix"), From: bound.Draw(rt, "from"), Before: bound.Draw(rt, "before"),
			After: bound.Draw(rt, "after"), Descending: rapid.Bool().Draw(rt, "descending"),
			Limit: rapid.IntRange(0, 30).Draw(rt, "limit"), Deleted: rapid.Bool().Draw(rt, "deleted"),
		}
		wantScan(rt, coll, ids, o)
	})
}

func wantScan(t rapid.TB, coll *tandem.Collection, ids []string, o tandem.ScanOptions) {
	t.Helper()
	want := selected(ids, o)
	var got, heads []string
	for d, err := range coll.Scan(context.Background(), o) {
		if err != nil {
			t.Fatal(err)
		}
		if my, _ := d.Value("my"); !d.Deleted() && my != d.ID() {
			t.Errorf("%+v: document %q has the body %s", o, d.ID(), d.Body())
		}
		got = append(got, d.ID())
	}
	for head, err := range coll.ScanHeads(context.Background(), o) {
		if err != nil {
			t.Fatal(err)
		}
		heads = append(heads, head.ID)
	}
	if !slices.Equal(got, want) || !slices.Equal(heads, want) {
		t.Errorf("%+v: Scan gives %q, ScanHeads %q, want %q", o, got, heads, want)
	}
}

// selected returns those of the IDs, which are sorted, that a scan has to give.
func selected(ids []string, o tandem.ScanOptions) []string {
	gone := []string{"a/2", "m05", "m39"}
	ids = slices.DeleteFunc(slices.Clone(ids), func(id string) bool {
		past := o.After != "" && (id <= o.After && !o.Descending || id >= o.After && o.Descending)
		return past || !strings.HasPrefix(id, o.Prefix) || id < o.From || o.Before != "" && id >= o.Before ||
			!o.Deleted && slices.Contains(gone, id)
	})
	if o.Descending {
		slices.Reverse(ids)
	}
	if o.Limit > 0 {
		ids = ids[:min(o.Limit, len(ids))]
	}
	return ids
}

func TestE21AScanOfLessThanNothingIsAnError(t *testing.T) {
	coll := newCollection(t)
	save(t, coll, "a", `{}`)
	var errs []error
	for _, err := range coll.Scan(t.Context(), tandem.ScanOptions{Limit: -1}) {
		errs = append(errs, err)
	}
	if len(errs) != 1 {
		t.Fatalf("got %d results, want one error", len(errs))
	}
	wantError(t, "a scan of -1 documents", errs[0], tandem.ErrInvalid)
}

// BenchmarkE21LastHundred reads the last page of a collection by ID: 1 ms is the bound for a million documents, which
// TANDEM_TESTS=all makes.
func BenchmarkE21LastHundred(b *testing.B) {
	documents := testsize.Pick(100_000, 1_000_000)
	coll := newCollection(b)
	for saved := 0; saved < documents; {
		check(b, coll.Database().InBatch(b.Context(), func(batch *tandem.Batch) error {
			for end := min(saved+10_000, documents); saved < end; saved++ {
				if err := batch.Put(coll, fmt.Sprintf("document-%07d", saved), map[string]int{"n": saved}); err != nil {
					return err
				}
			}
			return nil
		}))
	}
	last := tandem.ScanOptions{Descending: true, Limit: 100}
	for b.Loop() {
		n := 0
		for _, err := range coll.Scan(b.Context(), last) {
			check(b, err)
			n++
		}
		if n != last.Limit {
			b.Fatalf("got %d documents, want %d", n, last.Limit)
		}
	}
}
