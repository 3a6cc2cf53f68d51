package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tandemdb/tandem"
)

// The times of a member that is connected now and then.
const (
	quietLeast    = 30 * time.Second // from one wake to the next
	quietAwake    = 10 * time.Second // at least, so that several neighbours find it; less in a short time
	quietPatience = time.Minute      // for a neighbour; less in a short time
	quietRetry    = 30 * time.Second // after a wake that has failed; less in a short time
)

// checkEvery checks --every.
func (f *meshFlags) checkEvery() error {
	if f.every == 0 || f.every >= f.everyLeast {
		return nil
	}
	return usageError{
		text: fmt.Sprintf("--every %s is too short, want %s or more", f.every, f.everyLeast),
		hint: "without --every, the member is always connected",
	}
}

// hooks are those of a member that runs as the flags say.
func (f *meshFlags) hooks(a *app) memberHooks {
	if f.every == 0 {
		return memberHooks{}
	}
	return memberHooks{until: func(ctx context.Context, m *tandem.MultipeerReplicator) error {
		return a.connectNowAndThen(ctx, m, f.every)
	}}
}

// sleeper is a member that may be paused.
type sleeper interface {
	Pause()
	Resume() error
	Wait(ctx context.Context) error
	Status() tandem.MultipeerStatus
}

// connectNowAndThen has a member connected until it is in sync, once in a time, until ctx ends.
func (a *app) connectNowAndThen(ctx context.Context, m sleeper, every time.Duration) error {
	for ctx.Err() == nil {
		begun := time.Now()
		waitInSync(ctx, m, every)
		left := every - time.Since(begun)
		if left <= 0 || ctx.Err() != nil {
			continue
		}
		m.Pause()
		a.note("quiet until %s", begun.Add(every).Format(time.TimeOnly))
		if err := a.wakeAfter(ctx, m, left, min(quietRetry, every)); err != nil {
			return err
		}
	}
	return nil
}

// wakeAfter wakes a member after a pause. What may pass, such as a network that is not up yet, is told, and
// tried again.
func (a *app) wakeAfter(ctx context.Context, m sleeper, pause, retry time.Duration) error {
	for wait(ctx, pause); ctx.Err() == nil; wait(ctx, retry) {
		err := m.Resume()
		if err == nil || staysAsleep(err) {
			return err
		}
		a.note("cannot connect, tried again in %s: %s", retry, oneLine(err.Error()))
	}
	return nil
}

// staysAsleep reports that a member can be woken no more: it is none now, or its database is closed.
func staysAsleep(err error) bool {
	for _, final := range []error{
		tandem.ErrForbidden, tandem.ErrNotFound, tandem.ErrNotOpen, tandem.ErrCrypto, tandem.ErrCertExpired, tandem.ErrCertUntrusted,
	} {
		if errors.Is(err, final) {
			return true
		}
	}
	return false
}

// waitInSync waits until a member has neighbours and nothing to send or fetch, or finds none for long.
func waitInSync(ctx context.Context, m sleeper, every time.Duration) {
	wait(ctx, min(quietAwake, every/2))
	for ctx.Err() == nil { // a long sync goes on
		patient, cancel := context.WithTimeout(ctx, min(quietPatience, every/2))
		err := m.Wait(patient)
		cancel()
		if err == nil || m.Status().Neighbors == 0 {
			return
		}
	}
}

func wait(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}
