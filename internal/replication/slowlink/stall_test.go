package slowlink_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// stalling is a connection whose owner stops reading for a while, like a process that hangs.
type stalling struct {
	blip.Pipe
	left     int64         // bytes to read before the stall
	stalled  chan struct{} // closed when the stall begins
	released <-chan struct{}
}

func (s *stalling) Read(ctx context.Context) ([]byte, error) {
	frame, err := s.Pipe.Read(ctx)
	before := s.left
	s.left -= int64(len(frame))
	if before >= 0 && s.left < 0 {
		close(s.stalled)
		<-s.released
	}
	return frame, err
}

// stall is a reader that stops after a megabyte.
type stall struct {
	stalled chan struct{}
	release func()
	wrap    wrapper
}

func newStall(t *testing.T) *stall {
	released := make(chan struct{})
	s := &stall{stalled: make(chan struct{}), release: sync.OnceFunc(func() { close(released) })}
	s.wrap = func(pipe blip.Pipe) blip.Pipe {
		return &stalling{Pipe: pipe, left: 1 << 20, stalled: s.stalled, released: released}
	}
	t.Cleanup(s.release)
	return s
}

// A sender whose peer stops reading must hold only a few megabytes, however much it has to send,
// and continue when the peer does.
func TestAStalledReaderCostsLittleMemory(t *testing.T) {
	testsize.TrueSpeed(t) // it moves hundreds of megabytes
	const most = 24 << 20
	for name, fill := range map[string]func(*peer) (documents int){
		"100,000 documents": func(p *peer) int {
			for range 10 {
				p.save(numbered(p.t, p.count(), 10_000)...)
			}
			return 100_000
		},
		"a blob of 300 MB": func(p *peer) int {
			p.save(store.Edit{ID: "film", Body: []byte(`{"film":` + p.blob(300<<20, 0) + `}`)})
			return 1
		},
	} {
		for role, push := range map[string]bool{"replicator": true, "listener": false} {
			t.Run(name+" from the "+role, func(t *testing.T) {
				active, passive := newPeer(t, store.VersionVectors, blip.Adaptive), newPeer(t, store.VersionVectors, blip.Adaptive)
				source, target, ours, theirs := passive, active, asIs, asIs
				s := newStall(t)
				if push {
					source, target, theirs = active, passive, s.wrap
				} else {
					ours = s.wrap
				}
				documents := fill(source)
				before := heap()
				r := active.replicator(passive.share(0, theirs), replicatorOptions{push: push, wrap: ours})
				ended := make(chan error, 1)
				go func() { ended <- r.Run(t.Context()) }()
				<-s.stalled
				still(t, func() int64 { return int64(heap() >> 20) })
				held := int64(heap()) - int64(before)
				t.Logf("%d kB are held while the reader stalls", held>>10)
				if held > most {
					t.Errorf("%d bytes are held while the reader stalls, want %d at most", held, most)
				}
				s.release()
				if err := <-ended; err != nil {
					t.Error(err)
				}
				if got := target.count(); got != documents {
					t.Errorf("%d documents have arrived, want %d", got, documents)
				}
			})
		}
	}
}

// numbered returns n of the routes, starting at index from.
func numbered(t *testing.T, from, n int) []store.Edit { return routes(t, from+n)[from:] }

// still waits until figure has been constant for a while.
func still(t *testing.T, figure func() int64) {
	t.Helper()
	tick := time.NewTicker(300 * time.Millisecond)
	defer tick.Stop()
	for before := int64(-1); before != figure(); <-tick.C {
		before = figure()
	}
}

// heap returns the bytes in use on the heap.
func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// A sender must give up on a peer that has stopped reading and answering, even while it is blocked
// in a write to that peer.
func TestAStalledReaderIsGivenUp(t *testing.T) {
	for role, push := range map[string]bool{"replicator": true, "listener": false} {
		t.Run("by the "+role, func(t *testing.T) {
			t.Parallel()
			active, passive := newPeer(t, store.RevTrees, blip.Never), newPeer(t, store.RevTrees, blip.Never)
			source, ours, theirs := passive, asIs, asIs
			s := newStall(t)
			if push {
				source, theirs = active, s.wrap
			} else {
				ours = s.wrap
			}
			source.save(routes(t, 8_000)...)
			address := passive.share(2*time.Second, theirs)
			r := active.replicator(address, replicatorOptions{push: push, heartbeat: 2 * time.Second, wrap: ours})
			ended := make(chan error, 1)
			go func() { ended <- r.Run(t.Context()) }()
			<-s.stalled
			if push {
				if err := <-ended; !errors.Is(err, fault.Timeout) {
					t.Errorf("the replication ends with %v, want a timeout", err)
				}
				s.release()
				return
			}
			eventually(t, func() bool { return passive.ends.Load() == 1 })
			s.release()
			if err := <-ended; err == nil {
				t.Error("the replication ends without an error")
			}
		})
	}
}
