package main

import (
	"context"
	"errors"
	"os"
	"os/signal"
	"syscall"
)

// stoppedBy is the cause of a context that a signal has cancelled.
type stoppedBy struct{ signal os.Signal }

// Error implements error.
func (s stoppedBy) Error() string { return "interrupted" }

// Is makes stoppedBy match [context.Canceled].
func (s stoppedBy) Is(target error) bool { return target == context.Canceled }

// untilSignal returns a context that the first SIGINT or SIGTERM cancels. The second signal ends
// the process. stop also cancels the context, and waits for its goroutine.
func untilSignal(parent context.Context) (ctx context.Context, stop func()) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	done := make(chan struct{})
	go func() {
		defer close(done)
		select {
		case received := <-signals:
			signal.Stop(signals)
			cancel(stoppedBy{received})
		case <-ctx.Done():
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
