package replication_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// requestCounter is a log that counts the requests of a profile that come in.
type requestCounter struct {
	profile string
	n       atomic.Int64
}

func (*requestCounter) Enabled(context.Context, slog.Level) bool { return true }
func (c *requestCounter) WithAttrs([]slog.Attr) slog.Handler     { return c }
func (c *requestCounter) WithGroup(string) slog.Handler          { return c }

func (c *requestCounter) Handle(_ context.Context, r slog.Record) error {
	r.Attrs(func(a slog.Attr) bool {
		if r.Message == "received" && a.Key == "Profile" && a.Value.String() == c.profile {
			c.n.Add(1)
		}
		return true
	})
	return nil
}

// TestAnIdleReplicatorSavesNowAndThen lets documents come to a continuous session one after another, so that it
// is at rest between any two.
func TestAnIdleReplicatorSavesNowAndThen(t *testing.T) {
	eachKind(t, func(t *testing.T, v store.Versioning) {
		for _, from := range testsize.Pick([]string{"active"}, []string{"active", "passive"}) {
			t.Run(from, func(t *testing.T) {
				testsize.Bubble(t, func(t *testing.T) {
					a, p := newPeerInBubble(t, v), newPeerInBubble(t, v)
					checkpoints := &requestCounter{profile: "setCheckpoint"}
					l := connect(t, a, p, func(active *replication.Active, passive *replication.Passive) {
						active.Continuous = true
						passive.Log = slog.New(checkpoints)
					})
					side := map[string]*peer{"active": a, "passive": p}[from]
					for i := range 200 {
						side.put(fmt.Sprint(i), "{}")
						time.Sleep(100 * time.Millisecond)
					}
					if n := checkpoints.n.Load(); n < 3 || n > 5 {
						t.Errorf("%d checkpoints in 20 seconds, want one in 5", n)
					}
					time.Sleep(6 * time.Second)
					last := checkpoints.n.Load()
					time.Sleep(time.Hour)
					if n := checkpoints.n.Load(); n != last {
						t.Errorf("%d checkpoints while nothing happens", n-last)
					}
					side.put("after a while", "{}")
					time.Sleep(time.Second)
					if n := checkpoints.n.Load(); n != last+1 {
						t.Errorf("%d checkpoints within a second of a change after a while, want 1", n-last)
					}
					l.stop()
					if err := <-l.activeErr; err != nil {
						t.Error(err)
					}
					<-l.passiveErr
				})
			})
		}
	})
}
