package replication

import (
	"context"
	"sync/atomic"
)

// tasks are slow requests, which are done one after another.
type tasks struct {
	queue  chan func(context.Context)
	atWork atomic.Bool                       // a goroutine does them
	spawn  func(func(context.Context) error) // starts one
}

// later does a slow request whose order among others does not matter: after the ones before it, on
// a goroutine that ends when there are no more. It blocks while too many wait, which holds back the
// peer; since tasks need nothing from the connection, that passes.
func (t *tasks) later(ctx context.Context, task func(context.Context)) {
	select {
	case t.queue <- task:
	case <-ctx.Done():
		return
	}
	if t.atWork.CompareAndSwap(false, true) {
		t.spawn(t.work)
	}
}

func (t *tasks) work(ctx context.Context) error {
	for ctx.Err() == nil {
		select {
		case task := <-t.queue:
			task(ctx)
		default:
			t.atWork.Store(false)
			if len(t.queue) == 0 || !t.atWork.CompareAndSwap(false, true) { // one may have come just now
				return nil
			}
		}
	}
	return nil
}
