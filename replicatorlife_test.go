package tandem_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
)

// activitiesOf collects the statuses that a replicator tells of.
func activitiesOf(r *tandem.Replicator) (told func() []tandem.ReplicatorStatus) {
	var mu sync.Mutex
	var all []tandem.ReplicatorStatus
	r.AddChangeListener(func(s tandem.ReplicatorStatus) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, s)
	})
	return func() []tandem.ReplicatorStatus {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(all)
	}
}

func levels(statuses []tandem.ReplicatorStatus) (all []tandem.ActivityLevel) {
	for _, s := range statuses {
		all = append(all, s.Activity)
	}
	return slices.Compact(all)
}

func TestStatusListenersHearOfEveryStep(t *testing.T) { // R-05 R-06
	_, ours, url := peers(t)
	save(t, ours, "a", `{}`)
	r := replicator(t, url, ours)
	told := activitiesOf(r)
	for range 2 {
		syncOnce(t, r)
	}
	run := []tandem.ActivityLevel{tandem.Connecting, tandem.Busy, tandem.Stopped}
	if got := levels(told()); !slices.Equal(got, append(run, run...)) {
		t.Errorf("two one-shot runs were %v, want twice %v", got, run)
	}

	r = replicator(t, url, newCollection(t), continuous)
	told = activitiesOf(r)
	idle(t, r)
	r.Close()
	if got := levels(told()); len(got) < 4 || got[0] != tandem.Connecting || got[1] != tandem.Busy ||
		!slices.Contains(got, tandem.Idle) || got[len(got)-1] != tandem.Stopped {
		t.Errorf("a continuous run was %v, want connecting, busy, idle, …, stopped", got)
	}

	r = replicator(t, "ws://127.0.0.1:1/db", ours, func(c *tandem.ReplicatorConfiguration) { c.MaxAttempts = 1 })
	told = activitiesOf(r)
	endWith(t, r, tandem.ErrConnectionRefused) // E-09
	r.Close()
	all := told()
	if got := levels(all); !slices.Equal(got, []tandem.ActivityLevel{tandem.Connecting, tandem.Stopped}) {
		t.Errorf("a run without a peer was %v, want connecting and stopped", got)
	}
	wantError(t, "what listeners hear last", all[len(all)-1].Err, tandem.ErrConnectionRefused)
}

func TestAReplicatorStartsAndStopsAtAnyMoment(t *testing.T) {
	theirs, ours, url := peers(t)
	for i := range 20 {
		save(t, theirs, fmt.Sprint(i), `{}`)
	}
	for _, configure := range []func(*tandem.ReplicatorConfiguration){continuous, func(*tandem.ReplicatorConfiguration) {}} {
		r := replicator(t, url, ours, configure)
		r.Stop() // before the first start
		for range 25 {
			check(t, r.Start())
			r.Stop()
			r.Stop()
		}
		check(t, r.Start())
		check(t, r.Start())
		check(t, r.Wait(t.Context()))
		if n := len(contents(t, ours)); n != 20 {
			t.Errorf("after the last start there are %d documents, want 20", n)
		}
		r.Close()
		if s := r.Status(); s.Activity != tandem.Stopped || s.Err != nil {
			t.Errorf("after all that the status is %+v", s)
		}
	}
}

func TestAReplicatorStartsAgainRightAfterItsEnd(t *testing.T) {
	theirs, ours, url := peers(t)
	r := replicator(t, url, ours)
	for i := range 30 {
		id := fmt.Sprint(i)
		save(t, theirs, id, `{}`)
		check(t, r.Start())
		check(t, r.Wait(t.Context())) // and no Close
		read(t, ours, id)
	}
}

func TestListenersMayStartAndStopTheirReplicator(t *testing.T) {
	_, ours, url := peers(t)
	r := replicator(t, url, ours)
	r.AddChangeListener(nil).Remove() // does nothing
	r.AddChangeListener(nil)
	ends := make(chan bool, 10)
	runs := 0
	r.AddChangeListener(func(s tandem.ReplicatorStatus) {
		if s.Activity != tandem.Stopped {
			return
		}
		if runs++; runs < 5 {
			check(t, r.Start())
		}
		ends <- true
	})
	check(t, r.Start())
	for range 5 {
		receive(t, "the end of a run", ends)
	}

	r = replicator(t, url, ours, continuous)
	r.AddChangeListener(func(s tandem.ReplicatorStatus) {
		switch s.Activity {
		case tandem.Idle:
			r.Stop()
		case tandem.Stopped:
			ends <- true
		default:
		}
	})
	check(t, r.Start())
	receive(t, "the end of a run", ends)
}

func TestCloseWaitsForTheLastCall(t *testing.T) { // nothing is heard beyond stopped
	_, ours, url := peers(t)
	for range 20 {
		r := replicator(t, url, ours)
		var last tandem.ReplicatorStatus // the race detector sees who touches it at once
		r.AddChangeListener(func(s tandem.ReplicatorStatus) { last = s })
		check(t, r.Start())
		check(t, r.Wait(t.Context()))
		r.Close()
		if last.Activity != tandem.Stopped {
			t.Fatalf("after Close the last call was %+v", last)
		}
	}
}

func TestAClosedDatabaseDoesNotReplicate(t *testing.T) {
	_, ours, url := peers(t)
	r := replicator(t, url, ours)
	check(t, ours.Database().Close())
	wantError(t, "start", r.Start(), tandem.ErrNotOpen)
	wantError(t, "status", r.Status().Err, tandem.ErrNotOpen)
	wantError(t, "wait", r.Wait(t.Context()), tandem.ErrNotOpen)
}

// X-15 L-14: closing or deleting a database in the middle of replication.
func TestTheEndOfADatabaseEndsReplication(t *testing.T) {
	for name, end := range map[string]func(*tandem.Database) error{
		"close": (*tandem.Database).Close, "delete": (*tandem.Database).Delete,
	} {
		for _, passive := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s passive %t", name, passive), func(t *testing.T) {
				if name == "delete" {
					inFolders(t, "files")
				}
				theirs, ours := newCollection(t), newCollection(t)
				for i := range 200 {
					save(t, theirs, fmt.Sprint(i), `{"text":"some"}`)
				}
				l := offer(t, theirs)
				var all []*tandem.Replicator
				for _, c := range []bool{true, false} {
					r := replicator(t, l.URLs()[0], ours, func(cfg *tandem.ReplicatorConfiguration) {
						cfg.Continuous, cfg.StopWhenPeerCloses, cfg.MaxAttempts = c, true, 1
					})
					check(t, r.Start())
					all = append(all, r)
				}
				eventually(t, func() bool { n, err := ours.Count(t.Context()); return err == nil && n > 0 })
				for _, r := range all { // a listener that stops lets nobody in
					eventually(t, func() bool { return r.Status().Activity != tandem.Connecting })
				}
				if passive {
					check(t, end(theirs.Database()))
					wantOff(t, "after the end", l)
				} else {
					check(t, end(ours.Database()))
				}
				for _, r := range all {
					eventually(t, func() bool { return r.Status().Activity == tandem.Stopped })
					if err := r.Status().Err; err != nil && (!passive || !errors.Is(err, tandem.ErrPeerClosed) && !errors.Is(err, tandem.ErrConnectionRefused)) {
						t.Errorf("a replicator ended with %v", err)
					}
				}
				wantCounts(t, l, 0, 0)
			})
		}
	}
}

func TestWaitEndsWithItsContext(t *testing.T) {
	r := replicator(t, "ws://127.0.0.1:1/db", newCollection(t), continuous)
	check(t, r.Start())
	eventually(t, func() bool { return r.Status().Activity == tandem.Offline })
	s := r.Status()
	if s.Attempt != 1 || time.Until(s.NextRetry) > 3*time.Second || !errors.Is(s.Err, tandem.ErrConnectionRefused) {
		t.Errorf("the status is %+v, want a retry in 2 s", s)
	}
	r.Stop()
	check(t, r.Wait(t.Context()))
}

// What was saved before the call has arrived after it.
func TestWaitIncludesWhatWasSavedBefore(t *testing.T) {
	theirs, ours := newCollection(t), newCollection(t)
	r := replicator(t, offer(t, theirs).URLs()[0], ours, continuous)
	idle(t, r)
	for i := range 100 {
		save(t, ours, fmt.Sprint(i), `{}`)
		check(t, r.Wait(t.Context()))
		if got := len(contents(t, theirs)); got != i+1 {
			t.Fatalf("%d documents have arrived of %d", got, i+1)
		}
	}
}
