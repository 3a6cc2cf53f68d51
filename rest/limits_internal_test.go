package rest

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/testsize"
)

// Who waits for a seat gets one when it is free, and leaves without one when the time is over.
func TestSeatsAreAwaited(t *testing.T) {
	testsize.Bubble(t, func(t *testing.T) {
		s := seats{all: 3, each: 2}
		var seated, most, refused atomic.Int32
		var all sync.WaitGroup
		for i := range 30 {
			all.Go(func() {
				who := []string{"ann", "bob"}[i%2]
				ctx, cancel := context.WithTimeout(t.Context(), 7500*time.Millisecond)
				defer cancel()
				if !s.await(ctx, who) {
					refused.Add(1)
					return
				}
				defer s.leave(who)
				if n := seated.Add(1); n > most.Load() {
					most.Store(n)
				}
				time.Sleep(time.Second)
				seated.Add(-1)
			})
		}
		all.Wait()
		if most.Load() != 3 || refused.Load() != 6 { // three a second, for eight beginnings
			t.Errorf("%d at once, %d refused, want 3 and 6", most.Load(), refused.Load())
		}
		if s.sum != 0 || len(s.used) != 0 {
			t.Errorf("seats are taken after the end: %v", s.used)
		}
	})
}
