package main

import (
	"context"
	"time"

	"github.com/tandemdb/tandem"
)

// The times of a member that is connected now and then.
const (
	quietAwake    = 10 * time.Second // at least, so that several neighbours find it; less in a short time
	quietPatience = time.Minute      // for a neighbour
)

// hooks are those of a member that runs as the flags say.
func (f *memberFlags) hooks(a *app) memberHooks {
	if f.every <= 0 {
		return memberHooks{}
	}
	return memberHooks{until: func(ctx context.Context, m *tandem.MultipeerReplicator) error {
		return a.connectNowAndThen(ctx, m, f.every)
	}}
}

// connectNowAndThen has a member connected until it is in sync, once in a time, until ctx ends.
func (a *app) connectNowAndThen(ctx context.Context, m *tandem.MultipeerReplicator, every time.Duration) error {
	for ctx.Err() == nil {
		begun := time.Now()
		waitInSync(ctx, m, every)
		left := every - time.Since(begun)
		if left <= 0 || ctx.Err() != nil {
			continue
		}
		m.Pause()
		a.note("quiet until %s", begun.Add(every).Format(time.TimeOnly))
		wait(ctx, left)
		if err := m.Resume(); err != nil {
			return err
		}
	}
	return nil
}

// waitInSync waits until a member has neighbours and nothing to send or fetch, or finds none for long.
func waitInSync(ctx context.Context, m *tandem.MultipeerReplicator, every time.Duration) {
	wait(ctx, min(quietAwake, every/2))
	patient, cancel := context.WithTimeout(ctx, quietPatience)
	defer cancel()
	for ctx.Err() == nil {
		if m.Wait(patient) == nil || m.Status().Neighbors == 0 {
			return
		}
		wait(ctx, time.Second) // a long sync goes on
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
