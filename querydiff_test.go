package tandem_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tandemdb/tandem"
	"github.com/tandemdb/tandem/internal/testsize"
)

func TestADiffTellsWhatHasChanged(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, tandem.Options{})
	c := defaultIn(t, db)
	for id, n := range map[string]int{"a": 1, "b": 2, "c": 3} {
		save(t, c, id, fmt.Sprintf(`{"n":%d,"x":0}`, n))
	}
	ctx, cancel := context.WithCancel(tandem.WithQueryOptions(t.Context(), tandem.QueryOptions{Diff: true}))
	defer cancel()
	changes := make(chan string)
	go func() {
		defer close(changes)
		for change := range query(t, db, "SELECT x FROM _ ORDER BY n").Changes(ctx) {
			changes <- describe(change.Diff)
		}
	}()
	want := func(want string) {
		t.Helper()
		if got := receive(t, "a diff", changes); got != want {
			t.Errorf("got the diff %q, want %q", got, want)
		}
	}
	want(`+0{"x":0} +1{"x":0} +2{"x":0}`)
	save(t, c, "b", `{"n":2,"x":1}`)
	want(`~1{"x":1}`)
	save(t, c, "a", `{"n":4,"x":7}`)
	want(`~2{"x":7} 0→2{"x":7}`)
	check(t, c.Delete(t.Context(), read(t, c, "b")))
	want(`-0{"x":1}`)
	cancel()
	receive(t, "the end", changes)
	q := query(t, db, "SELECT x FROM _")
	for change := range q.Changes(t.Context()) {
		if change.Diff != nil {
			t.Errorf("without being asked for: got the diff %v", change.Diff)
		}
		break
	}
}

// describe returns a diff as text: + inserted, - removed, ~ changed, → moved.
func describe(d *tandem.QueryDiff) string {
	var all []string
	for sign, rows := range map[string][]tandem.DiffRow{"-": d.Removed, "+": d.Inserted, "~": d.Changed} {
		for _, r := range rows {
			all = append(all, fmt.Sprintf("%s%d%s", sign, r.Position, r.Row.JSON()))
		}
	}
	slices.Sort(all)
	for _, m := range d.Moved {
		all = append(all, fmt.Sprintf("%d→%d%s", m.From, m.To, m.Row.JSON()))
	}
	return strings.Join(all, " ")
}

// TestDiffsLeadFromEachResultToTheNext for queries of all kinds, whatever changes.
func TestDiffsLeadFromEachResultToTheNext(t *testing.T) {
	t.Parallel()
	db := newDatabase(t, tandem.Options{})
	c := defaultIn(t, db)
	type diffed struct {
		text    string
		changes chan tandem.QueryChange
		before  []string
	}
	var all []*diffed
	for _, text := range []string{
		"SELECT n, META().id FROM _ ORDER BY n",
		"SELECT n FROM _ ORDER BY n DESC LIMIT 3",
		"SELECT DISTINCT n FROM _ ORDER BY n",
		"SELECT n, count(*) AS many FROM _ GROUP BY n ORDER BY many",
		"SELECT sum(n) AS s FROM _",
		"SELECT a.n, b.n AS m FROM _ AS a JOIN _ AS b ON a.n < b.n ORDER BY m",
		"SELECT i FROM _ AS d UNNEST d.list AS i ORDER BY i",
	} {
		d := &diffed{text: text, changes: make(chan tandem.QueryChange, 1)}
		ctx := tandem.WithQueryOptions(t.Context(), tandem.QueryOptions{Diff: true})
		_, err := query(t, db, text).AddChangeListener(ctx, func(change tandem.QueryChange) { d.changes <- change })
		check(t, err)
		all = append(all, d)
	}
	for step := range testsize.Pick(4, 100) {
		for _, d := range all {
			change := receive(t, "a change of "+d.text, d.changes)
			check(t, change.Err)
			after := rowsOf(t, change)
			if got := applied(d.before, change.Diff); !slices.Equal(got, after) {
				t.Errorf("%s: %s applied to %q: got %q, want %q", d.text, describe(change.Diff), d.before, got, after)
			}
			d.before = after
		}
		check(t, db.InBatch(t.Context(), func(b *tandem.Batch) error {
			for range 1 + rand.IntN(5) {
				n := rand.IntN(5)
				body := fmt.Sprintf(`{"n":%d,"list":[%d,%d]}`, n, n, n/2)
				if err := b.Save(c, newDocument(t, strconv.Itoa(rand.IntN(6)), body)); err != nil {
					return err
				}
			}
			return b.Save(c, newDocument(t, "differs", fmt.Sprintf(`{"n":%d,"list":[%d]}`, 1000*(step+1), 1000+step))) // which outweighs the others in a sum
		}))
	}
}

// applied returns the rows that a diff makes of others.
func applied(rows []string, d *tandem.QueryDiff) []string {
	leaves, comes := map[int]bool{}, map[int]string{}
	for _, r := range d.Removed {
		leaves[r.Position] = true
	}
	for _, r := range d.Inserted {
		comes[r.Position] = string(r.Row.JSON())
	}
	for _, m := range d.Moved {
		leaves[m.From], comes[m.To] = true, string(m.Row.JSON())
	}
	var stays []string
	for i, row := range rows {
		if !leaves[i] {
			stays = append(stays, row)
		}
	}
	after := []string{}
	for len(stays) > 0 || comes[len(after)] != "" {
		if row, ok := comes[len(after)]; ok {
			after = append(after, row)
			continue
		}
		after, stays = append(after, stays[0]), stays[1:]
	}
	for _, r := range d.Changed {
		after[r.Position] = string(r.Row.JSON())
	}
	return after
}
