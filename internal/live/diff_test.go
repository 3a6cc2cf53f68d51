package live_test

import (
	"slices"
	"strconv"
	"testing"

	"pgregory.net/rapid"

	"github.com/tandemdb/tandem/internal/live"
	"github.com/tandemdb/tandem/internal/testsize"
)

// TestADiffAppliedToTheOldGivesTheNew and moves no more rows than it must.
func TestADiffAppliedToTheOldGivesTheNew(t *testing.T) {
	type row struct {
		key   string
		value int
	}
	rows := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) row {
		return row{strconv.Itoa(rapid.IntRange(0, 8).Draw(t, "key")), rapid.IntRange(0, 1).Draw(t, "value")}
	}), 0, 12)
	keys := func(rows []row) (keys []string) {
		for _, r := range rows {
			keys = append(keys, r.key)
		}
		return keys
	}
	testsize.Check(t, func(t *rapid.T) {
		before, after := rows.Draw(t, "before"), rows.Draw(t, "after")
		d := live.Compare(keys(before), keys(after), func(i, j int) bool { return before[i] == after[j] })
		leaves := slices.Clone(d.Removed)
		for _, m := range d.Moved {
			leaves = append(leaves, m.From)
		}
		got := []row{}
		for i, r := range before {
			if !slices.Contains(leaves, i) {
				got = append(got, r)
			}
		}
		comes := slices.Clone(d.Inserted)
		for _, m := range d.Moved {
			comes = append(comes, m.To)
		}
		slices.Sort(comes)
		for _, at := range comes {
			got = slices.Insert(got, at, after[at])
		}
		for _, p := range d.Changed {
			if before[p.Old].key != after[p.New].key {
				t.Fatalf("row %d of the old and %d of the new have other keys", p.Old, p.New)
			}
			got[p.New] = after[p.New]
		}
		if !slices.Equal(got, after) {
			t.Fatalf("%v from %v: got %v, want %v", d, before, got, after)
		}
		if slices.Equal(before, after) && len(d.Removed)+len(d.Inserted)+len(d.Moved)+len(d.Changed) > 0 {
			t.Fatalf("equal lists: got %v", d)
		}
	})
}

func TestARowThatMovesIsTheOnlyOne(t *testing.T) {
	d := live.Compare([]string{"a", "b", "c", "d", "e"}, []string{"e", "a", "b", "c", "d"}, func(int, int) bool { return true })
	if want := []live.Move{{From: 4, To: 0}}; !slices.Equal(d.Moved, want) || len(d.Inserted)+len(d.Removed)+len(d.Changed) > 0 {
		t.Errorf("got %+v, want only the move %v", d, want)
	}
}
