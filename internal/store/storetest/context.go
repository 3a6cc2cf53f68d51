package storetest

import (
	"context"
	"sync/atomic"
)

// Context ends at a chosen question: the n-th call that asks whether it is done. A test that tries
// every n finds each point at which work can be cut off:
//
//	for n := 1; ; n++ {
//		ctx := storetest.EndAt(context.Background(), n)
//		…
//		if !ctx.Ended() {
//			break // the work asks fewer than n questions
//		}
//	}
type Context struct {
	context.Context //nolint:containedctx // it is a context itself

	cancel context.CancelFunc
	left   atomic.Int64
}

// EndAt returns a context that ends at the n-th question, counted from 1. Several goroutines may
// use it. Contexts derived from it end with it.
func EndAt(parent context.Context, n int) *Context {
	ctx, cancel := context.WithCancel(parent)
	c := &Context{Context: ctx, cancel: cancel}
	c.left.Store(int64(n))
	return c
}

// Err implements [context.Context]; each call counts as a question.
func (c *Context) Err() error {
	c.Ask()
	return c.Context.Err()
}

// Ask counts a question.
func (c *Context) Ask() {
	if c.left.Add(-1) == 0 {
		c.cancel()
	}
}

// Ended reports whether the n-th question was asked. Then, or when the parent ends, the context's
// resources are free.
func (c *Context) Ended() bool { return c.left.Load() <= 0 }

// Close frees the context's resources before it has ended.
func (c *Context) Close() { c.cancel() }
