package blip_test

import (
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/testsize"
)

// TestPendingRequestsAgreeWithAMap begins many requests at a time and answers them in about that
// order, or long after.
func TestPendingRequestsAgreeWithAMap(t *testing.T) {
	testsize.Check(t, func(t *rapid.T) {
		var p blip.Pending
		want, last := map[uint64]bool{}, uint64(0)
		for range rapid.IntRange(1, 40).Draw(t, "bursts") {
			for range rapid.SampledFrom([]int{1, 10, 100, 1_000}).Draw(t, "begun") {
				last++
				if rapid.IntRange(0, 20).Draw(t, "no reply") > 0 {
					p.Add(last)
					want[last] = true
				}
			}
			kept := rapid.SampledFrom([]int{0, 0, 1, 50, 5_000}).Draw(t, "kept")
			numbers := slices.Sorted(maps.Keys(want))
			for _, number := range numbers[:max(0, len(numbers)-kept)] {
				if number%97 == 3 && kept > 0 {
					continue // unanswered
				}
				p.Remove(number)
				p.Remove(number) // again, as for a late reply
				delete(want, number)
			}
			if got := slices.Sorted(slices.Values(p.All())); !slices.Equal(got, slices.Sorted(maps.Keys(want))) {
				t.Fatalf("got %d requests, want %d", len(got), len(want))
			}
			for number := last; number > 0 && number+300 > last; number-- {
				if p.Has(number) != want[number] {
					t.Fatalf("request %d is there: %t, want %t", number, p.Has(number), want[number])
				}
			}
			if len(want) == 0 && p.Places() > 256 {
				t.Fatalf("%d places are kept for no request", p.Places())
			}
		}
	})
}

// TestFewPlacesForOneSlowReply has one request that is never answered beside many that are.
func TestFewPlacesForOneSlowReply(t *testing.T) {
	var p blip.Pending
	p.Add(1)
	for number := uint64(2); number < 10_000; number++ {
		p.Add(number)
		p.Remove(number)
	}
	if !p.Has(1) || len(p.All()) != 1 || p.Places() > 32 {
		t.Errorf("the slow one is there: %t, of %d, with %d places", p.Has(1), len(p.All()), p.Places())
	}
}
