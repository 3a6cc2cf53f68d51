package testsize

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
)

// Bubble is synctest.Test: it runs f in simulated time.
//
// Under the race detector the process has one processor meanwhile: the runtime runs the timers of a bubble
// in one context of the detector, and the detector ends the process where two processors use it at once
// (golang/go#78156).
func Bubble(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if RaceDetector {
		oneProcessor.enter()
		defer oneProcessor.leave()
	}
	synctest.Test(t, f)
}

var oneProcessor bubbles

// bubbles counts those that run at a time.
type bubbles struct {
	mu     sync.Mutex
	inside int
	before int // the number of processors outside
}

func (b *bubbles) enter() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inside++; b.inside == 1 {
		b.before = runtime.GOMAXPROCS(1)
	}
}

func (b *bubbles) leave() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.inside--; b.inside == 0 {
		runtime.GOMAXPROCS(b.before)
	}
}
