package live_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/tandemdb/tandem/internal/live"
	"github.com/tandemdb/tandem/internal/testsize"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// collection is a collection whose commits a test makes.
type collection struct {
	number int64
	count  atomic.Uint64
	feeds  atomic.Int64 // that are open

	mu   sync.Mutex
	wake []chan struct{}

	changes []string // of the commits since somebody has asked
}

func (c *collection) Number() int64 { return c.number }

func (c *collection) Follow() live.Feed {
	c.feeds.Add(1)
	wake := make(chan struct{}, 1)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.wake = append(c.wake, wake)
	return &feed{c, wake}
}

func (c *collection) commit() {
	c.count.Add(1)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, wake := range c.wake {
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

type feed struct {
	c    *collection
	wake chan struct{}
}

func (f *feed) C() <-chan struct{} { return f.wake }
func (f *feed) Count() uint64      { return f.c.count.Load() }
func (f *feed) Changes() (uint64, any, bool) {
	f.c.mu.Lock()
	defer f.c.mu.Unlock()
	changes := f.c.changes
	f.c.changes = nil
	return f.c.count.Load(), changes, len(changes) > 0
}

func (f *feed) Close() { f.c.feeds.Add(-1) }

// script is a query whose results a test sets.
type script struct {
	key    string
	of     []live.Collection
	lasts  time.Duration // how long a run takes
	mu     sync.Mutex
	result string
	size   int64
	same   bool
	retry  bool
	end    bool
	begins []time.Time
}

func (s *script) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *script) runs() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.begins)
}

func (s *script) query() live.Query[string] {
	return live.Query[string]{Key: s.key, Of: s.of, Run: func(ctx context.Context, last *live.Outcome[string]) live.Outcome[string] {
		var o live.Outcome[string]
		s.set(func() {
			s.begins = append(s.begins, time.Now())
			o = live.Outcome[string]{Result: s.result, Size: s.size, Retry: s.retry, End: s.end, Same: s.same && last != nil}
		})
		copy(o.Digest[:], o.Result)
		select {
		case <-time.After(s.lasts):
		case <-ctx.Done():
		}
		return o
	}}
}

// inBubble runs a test with a hub in simulated time.
func inBubble(t *testing.T, test func(t *testing.T, h *live.Hub[string], c *collection)) {
	t.Helper()
	testsize.Bubble(t, func(t *testing.T) {
		h, c := live.New[string](), &collection{number: 1}
		defer func() {
			h.Close()
			if n := c.feeds.Load(); n != 0 {
				t.Errorf("%d feeds are open after the end", n)
			}
		}()
		test(t, h, c)
	})
}

func follow(t *testing.T, h *live.Hub[string], s *script) *live.Follower[string] {
	t.Helper()
	f, err := h.Follow(s.query())
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// next returns the next result, "nothing" if none comes within a second, or "the end".
func next(t *testing.T, f *live.Follower[string]) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Second)
	defer cancel()
	o, ok := f.Next(ctx)
	switch {
	case ok:
		return o.Result
	case ctx.Err() != nil:
		return "nothing"
	}
	return "the end"
}

func want[T comparable](t *testing.T, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func TestEqualQueriesRunOnce(t *testing.T) {
	inBubble(t, func(t *testing.T, h *live.Hub[string], c *collection) {
		s := &script{key: "q", of: []live.Collection{c}, result: "one", lasts: time.Millisecond}
		var all []*live.Follower[string]
		for range 100 {
			all = append(all, follow(t, h, s))
		}
		for _, f := range all {
			want(t, "the first result", next(t, f), "one")
		}
		want(t, "runs", s.runs(), 1)
		want(t, "a later follower", next(t, follow(t, h, s)), "one")
		want(t, "runs for a later follower", s.runs(), 1)
		s.set(func() { s.result = "two" })
		c.commit()
		for _, f := range all {
			want(t, "the second result", next(t, f), "two")
		}
		want(t, "runs for a commit", s.runs(), 2)
	})
}

func TestAQueryRunsAtOnceWhenIdleAndElseAfterAPause(t *testing.T) {
	inBubble(t, func(t *testing.T, h *live.Hub[string], c *collection) {
		s := &script{key: "q", of: []live.Collection{c}, lasts: time.Millisecond}
		follow(t, h, s)
		time.Sleep(time.Second)
		began := time.Now()
		for range 200 { // a stream of two seconds
			c.commit()
			time.Sleep(10 * time.Millisecond)
		}
		synctest.Wait()
		begins := s.begins[1:]
		want(t, "the delay of the first run of a stream", begins[0].Sub(began), 0)
		for i := 1; i < len(begins); i++ {
			if apart := begins[i].Sub(begins[i-1]); apart < live.Pause || apart > live.Pause+15*time.Millisecond {
				t.Errorf("two runs of a stream begin %v apart, want %v", apart, live.Pause)
			}
		}
		time.Sleep(time.Second)
		if last := s.begins[len(s.begins)-1].Sub(began); last < 1990*time.Millisecond {
			t.Errorf("the last run began %v after the first commit, and the last commit came after 1.99s", last)
		}
		want(t, "runs in two seconds", len(s.begins)-1, 9)
	})
}

func TestAnIdleHubDoesNothing(t *testing.T) {
	inBubble(t, func(t *testing.T, h *live.Hub[string], c *collection) {
		other := &collection{number: 2}
		for i := range 1000 {
			s := &script{key: fmt.Sprint(i), of: []live.Collection{c}}
			go func() {
				f := follow(t, h, s)
				for _, ok := f.Next(context.Background()); ok; _, ok = f.Next(context.Background()) {
				}
			}()
		}
		follow(t, h, &script{key: "other", of: []live.Collection{other}})
		time.Sleep(time.Minute)
		before := h.Stats()
		time.Sleep(time.Hour)
		want(t, "what an idle hub did in an hour", h.Stats(), before)
		other.commit()
		time.Sleep(time.Minute)
		want(t, "runs after a commit in another collection", h.Stats().Runs, before.Runs+1)
		h.Close() // ends the followers
		synctest.Wait()
		want(t, "open feeds", other.feeds.Load(), 0)
	})
}

func TestAFollowerThatComesAfterACommitSeesIt(t *testing.T) {
	inBubble(t, func(t *testing.T, h *live.Hub[string], c *collection) {
		s := &script{key: "q", of: []live.Collection{c}, result: "old", lasts: 10 * time.Millisecond}
		first := follow(t, h, s)
		want(t, "the first result", next(t, first), "old")
		s.set(func() { s.result = "new" })
		c.commit()
		want(t, "the first result after a commit", next(t, follow(t, h, s)), "new")
		want(t, "the next result", next(t, first), "new")
		c.commit()
		time.Sleep(live.Pause) // the run begins
		s.set(func() { s.result = "newer" })
		c.commit()
		want(t, "the first result after a commit during a run", next(t, follow(t, h, s)), "newer")
	})
}

func TestResultsThatAreAlikeAreNotGiven(t *testing.T) {
	inBubble(t, func(t *testing.T, h *live.Hub[string], c *collection) {
		s := &script{key: "q", of: []live.Collection{c}, result: "a"}
		f := follow(t, h, s)
		want(t, "the first result", next(t, f), "a")
		c.commit()
		want(t, "an equal result", next(t, f), "nothing")
		want(t, "runs", s.runs(), 2)
		for _, result := range []string{"b", "c", "a"} { // nobody looks
			s.set(func() { s.result = result })
			c.commit()
			time.Sleep(time.Second)
		}
		want(t, "the newest result, which is the one that was taken", next(t, f), "nothing")
		for _, result := range []string{"b", "c"} {
			s.set(func() { s.result = result })
			c.commit()
			time.Sleep(time.Second)
		}
		want(t, "the newest result", next(t, f), "c")
		want(t, "after the newest", next(t, f), "nothing")
	})
}

func TestSwitchGivesTheOtherResultEvenIfAlike(t *testing.T) {
	inBubble(t, func(t *testing.T, h *live.Hub[string], c *collection) {
		one := &script{key: "1", of: []live.Collection{c}, result: "a"}
		two := &script{key: "2", of: []live.Collection{c}, result: "a"}
		f := follow(t, h, one)
		want(t, "the first result", next(t, f), "a")
		f.Switch(two.query())
		want(t, "the other query's", next(t, f), "a")
		f.Switch(two.query())
		want(t, "the same query's", next(t, f), "a")
		c.commit()
		time.Sleep(time.Second)
		want(t, "runs of the query that nobody follows", one.runs(), 1)
		want(t, "runs of the other", two.runs(), 2)
	})
}

func TestAQueryEndsOrRunsAgainAfterAFailure(t *testing.T) {
	inBubble(t, func(t *testing.T, h *live.Hub[string], c *collection) {
		s := &script{key: "q", of: []live.Collection{c}, result: "busy", retry: true}
		f := follow(t, h, s)
		want(t, "a failure", next(t, f), "busy")
		time.Sleep(2500 * time.Millisecond)
		want(t, "runs after 2.5 s", s.runs(), 3)
		s.set(func() { s.result, s.retry, s.end = "deleted", false, true })
		other := follow(t, h, s)
		want(t, "the end told to one who came later", next(t, other), "deleted")
		want(t, "the end", next(t, f), "deleted")
		want(t, "after the end", next(t, f), "the end")
		c.commit()
		want(t, "a new follower", next(t, follow(t, h, s)), "deleted")
	})
}

func TestLargeResultsAreNotKept(t *testing.T) {
	inBubble(t, func(t *testing.T, h *live.Hub[string], c *collection) {
		s := &script{key: "q", of: []live.Collection{c}, result: "large", size: live.MaxKept + 1, same: true}
		want(t, "the first result", next(t, follow(t, h, s)), "large")
		want(t, "a later follower's", next(t, follow(t, h, s)), "large")
		want(t, "runs", s.runs(), 2)
		c.commit()
		time.Sleep(time.Second)
		want(t, "runs that were skipped, since nobody waits", h.Stats().Skipped, 1)
		small := &script{key: "p", of: []live.Collection{c}, result: "small", size: live.MaxKept, same: true}
		one := follow(t, h, small)
		want(t, "the first result", next(t, one), "small")
		c.commit()
		want(t, "after a skipped run", next(t, one), "nothing")
		want(t, "a later follower's", next(t, follow(t, h, small)), "small")
		want(t, "runs of the result that is kept", small.runs(), 2)
	})
}

func TestSlowQueriesDoNotHoldUpOthers(t *testing.T) {
	inBubble(t, func(t *testing.T, h *live.Hub[string], c *collection) {
		for i := range 8 {
			follow(t, h, &script{key: fmt.Sprint("slow ", i), of: []live.Collection{c}, lasts: time.Hour})
		}
		quick := follow(t, h, &script{key: "quick", of: []live.Collection{c}, result: "quick"})
		want(t, "a quick query beside slow ones", next(t, quick), "quick")
		quick.Close()
		want(t, "after Close", next(t, quick), "the end")
	})
}

// TestAThousandQueriesLeaveWritersTheirTime and each gets its turn, while the collection changes all the time.
func TestAThousandQueriesLeaveWritersTheirTime(t *testing.T) {
	inBubble(t, func(t *testing.T, h *live.Hub[string], c *collection) {
		const lasts = time.Millisecond
		var all []*script
		for i := range 1000 {
			s := &script{key: fmt.Sprint(i), of: []live.Collection{c}, lasts: lasts}
			all = append(all, s)
			follow(t, h, s)
		}
		time.Sleep(5 * time.Second)
		before := h.Stats().Runs
		began := time.Now()
		for time.Since(began) < time.Minute {
			c.commit()
			time.Sleep(time.Millisecond)
		}
		share := float64(time.Duration(h.Stats().Runs-before)*lasts) / float64(time.Minute)
		if share > 0.05 || share < 0.03 {
			t.Errorf("the runs took %.3f of the time of a processor, want at most 0.05", share)
		}
		var counts []int
		for _, s := range all {
			counts = append(counts, s.runs())
		}
		if least, most := slices.Min(counts), slices.Max(counts); least < 2 || most-least > 1 {
			t.Errorf("one query ran %d times and another %d times, want each to get its turn", least, most)
		}
		go func() {
			for range 100 {
				c.commit()
				time.Sleep(time.Millisecond)
			}
		}()
		time.Sleep(10 * time.Millisecond)
		late := &script{key: "late", of: []live.Collection{c}, result: "late"}
		began = time.Now()
		want(t, "a new query's first result", next(t, follow(t, h, late)), "late")
		if took := time.Since(began); took > 3*lasts {
			t.Errorf("a new query waited %v for its first result behind those that run again", took)
		}
		time.Sleep(time.Second) // until the commits end
	})
}

func TestAFewQueriesOfAStreamDoNotRest(t *testing.T) {
	inBubble(t, func(t *testing.T, h *live.Hub[string], c *collection) {
		var all []*script
		for i := range 7 {
			all = append(all, &script{key: fmt.Sprint(i), of: []live.Collection{c}, lasts: 20 * time.Millisecond})
			follow(t, h, all[i])
		}
		time.Sleep(time.Second)
		for range 1000 {
			c.commit()
			time.Sleep(time.Millisecond)
		}
		for _, s := range all {
			if n := s.runs(); n < 5 {
				t.Errorf("a query ran %d times, want the first time and four times in a second", n)
			}
		}
	})
}

func TestAClosedHubRefusesFollowers(t *testing.T) {
	inBubble(t, func(t *testing.T, h *live.Hub[string], c *collection) {
		s := &script{key: "q", of: []live.Collection{c}, lasts: time.Hour}
		f := follow(t, h, s)
		time.Sleep(time.Second)
		h.Close() // ends the run
		want(t, "a follower", next(t, f), "the end")
		f.Switch(s.query())
		f.Close()
		if _, err := h.Follow(s.query()); !errors.Is(err, live.ErrClosed) {
			t.Errorf("got %v, want %v", err, live.ErrClosed)
		}
	})
}

func TestAQueryThatACommitDoesNotAffectDoesNotRun(t *testing.T) {
	inBubble(t, func(t *testing.T, h *live.Hub[string], c *collection) {
		s := &script{key: "q", of: []live.Collection{c}, result: "one"}
		q := s.query()
		q.Affected = func(_ live.Collection, changes any) bool { return slices.Contains(changes.([]string), "mine") }
		f, err := h.Follow(q)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "the first result", next(t, f), "one")
		change := func(what string) {
			c.mu.Lock()
			c.changes = append(c.changes, what)
			c.mu.Unlock()
			c.commit()
			time.Sleep(time.Second)
		}
		for range 5 {
			change("another")
		}
		want(t, "runs after changes that do not affect it", s.runs(), 1)
		later, err := h.Follow(q)
		if err != nil {
			t.Fatal(err)
		}
		want(t, "a later follower's result", next(t, later), "one")
		want(t, "runs for a later follower", s.runs(), 1)
		s.set(func() { s.result = "two" })
		change("mine")
		want(t, "the result after a change that affects it", next(t, f), "two")
		s.set(func() { s.result = "three" })
		c.commit() // nobody knows what it has changed
		want(t, "the result after an unknown change", next(t, f), "three")
		want(t, "runs that were spared", h.Stats().Spared, 5)
	})
}
