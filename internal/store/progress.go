package store

import (
	"context"
	"os"
	"time"
)

// progressKey is the key of the function in a context of [WithProgress].
type progressKey struct{}

// WithProgress returns a context whose long operations, Check and Copy, call report now and then: with
// what is done of a total, in units that are comparable within one operation alone. The last call
// of an operation that succeeds has them equal. Calls do not overlap, and must return soon.
func WithProgress(ctx context.Context, report func(done, total uint64)) context.Context {
	return context.WithValue(ctx, progressKey{}, report)
}

// progress counts what is done of one operation. Its methods are for one goroutine at a time.
type progress struct {
	report      func(done, total uint64) // never nil
	done, total uint64
	told        time.Time
}

// progressInterval is how often progress is reported at most.
const progressInterval = 50 * time.Millisecond

func progressOf(ctx context.Context, total uint64) *progress {
	report, _ := ctx.Value(progressKey{}).(func(done, total uint64))
	if report == nil {
		report = func(uint64, uint64) {}
	}
	p := &progress{report: report, total: total}
	p.tell()
	return p
}

// add counts n more as done, at most as many as there are.
func (p *progress) add(n uint64) { p.reach(p.done + n) }

// reach counts so many as done, if they are more than before.
func (p *progress) reach(done uint64) {
	p.done = max(p.done, min(done, p.total))
	if time.Since(p.told) >= progressInterval {
		p.tell()
	}
}

// end reports that all is done.
func (p *progress) end() {
	p.done = p.total
	p.tell()
}

func (p *progress) tell() {
	p.told = time.Now()
	p.report(p.done, p.total)
}

// whileGrowing runs work, and meanwhile counts the bytes of the file that work writes.
func (p *progress) whileGrowing(file string, work func() error) error {
	worked, counted := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(counted)
		ticker := time.NewTicker(progressInterval)
		defer ticker.Stop()
		for {
			select {
			case <-worked:
				return
			case <-ticker.C:
				if info, err := os.Stat(file); err == nil {
					p.reach(uint64(info.Size()))
				}
			}
		}
	}()
	defer func() { close(worked); <-counted }()
	return work()
}
