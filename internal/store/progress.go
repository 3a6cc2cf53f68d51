package store

import (
	"context"
	"time"
)

// progressKey is the key of the function in a context of [WithProgress].
type progressKey struct{}

// WithProgress returns a context whose long operations (Check, Copy and Compact) call report now and
// then with the work done and the total. The unit differs from operation to operation. In the last
// call of a successful operation both are equal. Calls do not overlap, and must return soon.
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

// whileGrowing runs work, and adds what written returns meanwhile: the bytes that work has written.
// Another goroutine calls written.
func (p *progress) whileGrowing(written func() uint64, work func() error) error {
	begin := p.done
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
				p.reach(begin + written())
			}
		}
	}()
	defer func() { close(worked); <-counted }()
	return work()
}
