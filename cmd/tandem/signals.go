package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// stoppedBy is the cause of a context that a signal has cancelled.
type stoppedBy struct{ signal os.Signal }

// Error implements error.
func (s stoppedBy) Error() string { return "interrupted" }

// Is makes stoppedBy match [context.Canceled].
func (s stoppedBy) Is(target error) bool { return target == context.Canceled }

// interrupts says what a SIGINT does. With the zero value it ends the command.
type interrupts struct {
	mu   sync.Mutex
	take func() // is called instead; nil for none
}

// divert has SIGINT call a function, until restore is called.
func (i *interrupts) divert(take func()) (restore func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	was := i.take
	i.take = take
	return func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		i.take = was
	}
}

// taken reports whether a signal was diverted.
func (i *interrupts) taken(received os.Signal) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.take == nil || received != os.Interrupt {
		return false
	}
	i.take()
	return true
}

// untilSignal returns a context that the first SIGINT or SIGTERM cancels, unless the SIGINT is
// diverted. The second signal ends the process. stop also cancels the context, and waits for its
// goroutine.
func untilSignal(parent context.Context, diverted *interrupts) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case received := <-signals:
				if diverted.taken(received) {
					continue
				}
				signal.Stop(signals)
				cancel(stoppedBy{received})
			case <-ctx.Done():
			}
			return
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel(nil)
		<-done
	}
}

// interruptedStatus returns the exit status of a command that ctx has ended: 128 plus the number of
// the signal, as in shells.
func interruptedStatus(ctx context.Context) int {
	var by stoppedBy
	if errors.As(context.Cause(ctx), &by) && by.signal == syscall.SIGTERM {
		return statusTerminated
	}
	return statusInterrupted
}
