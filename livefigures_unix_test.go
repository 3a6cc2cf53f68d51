//go:build unix

package tandem_test

import (
	"context"
	"flag"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
)

var liveWindow = flag.Duration("livefigures", 0, "measure live queries, with windows of this length; 0 does not")

// TestLiveFigures prints what live queries cost those who write, and how soon they tell of a change. It compares the
// processor's time for a write, since rates depend on what else the machine does.
func TestLiveFigures(t *testing.T) {
	if *liveWindow == 0 {
		t.Skip("measures only with -livefigures 500ms")
	}
	db := newDatabase(t, tandem.Options{})
	c := defaultIn(t, db)
	for i := range 1000 {
		save(t, c, strconv.Itoa(i), liveBody(i))
	}
	for _, kind := range []struct {
		name            string
		listeners, many int // many different queries
	}{{"1 query", 1, 1}, {"1000 equal queries", 1000, 1}, {"1000 queries, 10 different", 1000, 10}, {"1000 different queries", 1000, 1000}} {
		f := liveFigure{db: db, c: c, q: query(t, db, "SELECT count(*) AS many, sum(n) AS s FROM _ WHERE n >= $x"), listeners: kind.listeners, many: kind.many}
		for _, writers := range []int{1, 8} {
			t.Logf("%s, %d writers: %s", kind.name, writers, f.besideWriters(t, writers))
		}
		t.Logf("%s: %s", kind.name, f.afterOneChange(t))
	}
	f := liveFigure{db: db, c: c, q: query(t, db, "SELECT n, text FROM _ WHERE n = $x"), listeners: 1000, many: 1000}
	for _, writers := range []int{1, 8} {
		t.Logf("1000 queries of a document each, %d writers: %s", writers, f.besideWriters(t, writers))
	}
	for i := range 1000 {
		save(t, c, strconv.Itoa(i), liveBody(i))
	}
	t.Logf("1000 queries of a document each: %s", f.afterChangesOfOne(t))
}

func liveBody(n int) string {
	return fmt.Sprintf(`{"n":%d,"text":"some words that make a document longer"}`, n)
}

// liveFigure measures some listeners of a query.
type liveFigure struct {
	db              *tandem.Database
	c               *tandem.Collection
	q               *tandem.Query
	listeners, many int

	told  []atomic.Int64 // how often, for each listener
	times chan time.Time
}

// begin adds the listeners, and waits for their first results.
func (f *liveFigure) begin(t *testing.T) (end func()) {
	f.told, f.times = make([]atomic.Int64, f.listeners), make(chan time.Time, 10*f.listeners)
	var first sync.WaitGroup
	var tokens []*tandem.ListenerToken
	for i := range f.listeners {
		first.Add(1)
		token, err := f.q.AddChangeListener(t.Context(), func(change tandem.QueryChange) {
			if change.Err != nil {
				t.Error(change.Err)
			}
			if f.told[i].Add(1) == 1 {
				first.Done()
				return
			}
			select {
			case f.times <- time.Now():
			default:
			}
		}, tandem.Parameters{"x": i % f.many})
		check(t, err)
		tokens = append(tokens, token)
	}
	first.Wait()
	return func() {
		for _, token := range tokens {
			token.Remove()
		}
	}
}

// besideWriters compares writes beside the listeners with writes without them, before and after.
func (f *liveFigure) besideWriters(t *testing.T, writers int) string {
	var ratios []float64
	for range 5 {
		alone := f.write(t, writers)
		end := f.begin(t)
		beside := f.write(t, writers)
		end()
		ratios = append(ratios, beside/((alone+f.write(t, writers))/2))
	}
	slices.Sort(ratios)
	return fmt.Sprintf("a write takes %.2f times the processor's time of one without them (%.2f to %.2f)", ratios[2], ratios[0], ratios[4])
}

// write writes for a window, and returns the processor's time for one write.
func (f *liveFigure) write(t *testing.T, writers int) float64 {
	ctx, cancel := context.WithTimeout(t.Context(), *liveWindow)
	defer cancel()
	var n atomic.Int64
	var all sync.WaitGroup
	began := liveProcessorTime(t)
	for w := range writers {
		all.Go(func() {
			for i := w; ctx.Err() == nil; i += writers {
				save(t, f.c, strconv.Itoa(i%1000), liveBody(i))
				n.Add(1)
			}
		})
	}
	all.Wait()
	return float64(liveProcessorTime(t)-began) / float64(n.Load())
}

// afterOneChange measures how long a change takes to the listeners. Each of them has another result then.
func (f *liveFigure) afterOneChange(t *testing.T) string {
	defer f.begin(t)()
	var medians, lasts []time.Duration
	for i := range 12 {
		time.Sleep(400 * time.Millisecond)
		for len(f.times) > 0 {
			<-f.times
		}
		began := time.Now()
		save(t, f.c, "0", liveBody(1_000_000+i))
		var all []time.Duration
		for range f.listeners {
			all = append(all, (<-f.times).Sub(began))
		}
		medians, lasts = append(medians, all[len(all)/2]), append(lasts, all[len(all)-1])
	}
	slices.Sort(medians)
	slices.Sort(lasts)
	before := f.db.LiveStats()
	time.Sleep(time.Second)
	after := f.db.LiveStats()
	return fmt.Sprintf("a change reaches half of the listeners after %v, all after %v; in an idle second %d runs, %d wake-ups",
		medians[6].Round(10*time.Microsecond), lasts[6].Round(10*time.Microsecond), after.Runs-before.Runs, after.Wakes-before.Wakes)
}

// afterChangesOfOne measures how long a change takes to the only listener that it affects.
func (f *liveFigure) afterChangesOfOne(t *testing.T) string {
	defer f.begin(t)()
	before := f.db.LiveStats()
	var all []time.Duration
	for i := range 12 {
		time.Sleep(400 * time.Millisecond)
		for len(f.times) > 0 {
			<-f.times
		}
		began := time.Now()
		save(t, f.c, "7", fmt.Sprintf(`{"n":7,"text":"changed %d times"}`, i+1))
		all = append(all, (<-f.times).Sub(began))
	}
	slices.Sort(all)
	after := f.db.LiveStats()
	return fmt.Sprintf("a change reaches the listener after %v, at most %v; %d runs, %d spared", all[6].Round(10*time.Microsecond),
		all[11].Round(10*time.Microsecond), after.Runs-before.Runs, after.Spared-before.Spared)
}

// liveProcessorTime returns how long the processors have worked for this process.
func liveProcessorTime(t *testing.T) time.Duration {
	var u syscall.Rusage
	check(t, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
