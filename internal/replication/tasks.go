package replication

import (
	"context"
	"sync/atomic"
)

// tasks runs slow requests one after another.
type tasks struct {
	queue  chan func(context.Context)
	atWork atomic.Bool                       // a goroutine is running them
	spawn  func(func(context.Context) error) // starts one
}

// later queues a slow request whose order relative to other messages does not matter. A goroutine
// runs the queue and ends when it is empty. later blocks while the queue is full, which holds back
// the peer; tasks do not need the connection, so the queue always drains.
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
			if len(t.queue) == 0 || !t.atWork.CompareAndSwap(false, true) { // a task may have come just now
				return nil
			}
		}
	}
	return nil
}
