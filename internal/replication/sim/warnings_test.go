package sim_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ncruces/go-sqlite3"

	"github.com/tandemdb/tandem/internal/testsize"
)

// TestAFullDiskIsWarnedOfOnce sends many documents to a full disk. Each session of either side must
// log one warning, not one per document.
func TestAFullDiskIsWarnedOfOnce(t *testing.T) {
	for _, victim := range sides() {
		for _, versioning := range versionings() {
			t.Run(fmt.Sprintf("%s/%s", victim, versioning), func(t *testing.T) {
				dir := t.TempDir()
				testsize.Bubble(t, func(t *testing.T) { warn(t, newPair(t, dir, victim, versioning)) })
			})
		}
	}
}

func warn(t *testing.T, p *pair) {
	defer p.end()
	var warnings setbacks
	p.link().stop()
	p.log = slog.New(&warnings)
	p.link().start()
	p.other.save("before", `{}`)
	time.Sleep(time.Minute)
	p.link().set(false)
	for i := range 200 {
		p.other.save(fmt.Sprint("doc", i), `{}`)
	}
	p.victim.disk.FailAt(1, sqlite3.FULL)
	before := p.dials.Load()
	p.link().set(true)
	time.Sleep(20 * time.Minute)
	sessions := p.dials.Load() - before
	if got := warnings.n.Load(); got == 0 || got > 2*sessions {
		t.Errorf("%d warnings of both sides of %d sessions, want 1 of each", got, sessions)
	}
	p.recovers()
}

// setbacks counts the warnings about setbacks.
type setbacks struct{ n atomic.Int64 }

func (s *setbacks) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelWarn }
func (s *setbacks) WithAttrs([]slog.Attr) slog.Handler               { return s }
func (s *setbacks) WithGroup(string) slog.Handler                    { return s }

func (s *setbacks) Handle(_ context.Context, r slog.Record) error { //nolint:gocritic // slog's signature
	if r.Message == "setback" {
		s.n.Add(1)
	}
	return nil
}
