package tandem_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/tandemdb/tandem"
)

func continuous(c *tandem.ReplicatorConfiguration) { c.Continuous = true }

func ofType(kind tandem.ReplicatorType) func(*tandem.ReplicatorConfiguration) {
	return func(c *tandem.ReplicatorConfiguration) { c.Type = kind }
}

// idle starts a continuous replicator and waits until it has nothing to do.
func idle(t testing.TB, r *tandem.Replicator) {
	t.Helper()
	check(t, r.Start())
	check(t, r.Wait(t.Context()))
	if s := r.Status(); s.Activity != tandem.Idle {
		t.Fatalf("the replicator is %s (%v), want idle", s.Activity, s.Err)
	}
}

func TestAListenerCountsItsClients(t *testing.T) { // L-15 L-16
	theirs, ours := newCollection(t), newCollection(t)
	save(t, theirs, "a", `{}`)
	l := offer(t, theirs)
	seen := make(chan tandem.ConnectionStatus, 1)
	r := replicator(t, l.URLs()[0], ours, func(c *tandem.ReplicatorConfiguration) {
		c.Type = tandem.Pull
		c.Collections[0].PullFilter = func(*tandem.Document, tandem.DocumentFlags) bool {
			seen <- l.Status()
			return true
		}
	})
	syncOnce(t, r)
	if got := receive(t, "the filter's call", seen); got != (tandem.ConnectionStatus{ConnectionCount: 1, ActiveConnectionCount: 1}) {
		t.Errorf("during a pull the status is %+v, want 1 and 1", got)
	}
	wantCounts(t, l, 0, 0)

	idle(t, replicator(t, l.URLs()[0], newCollection(t), continuous))
	wantCounts(t, l, 1, 0)
	l.Stop()
	wantOff(t, "after the stop", l)
}

// wantCounts waits until a listener has so many clients, and so many at work.
func wantCounts(t testing.TB, l *tandem.URLEndpointListener, connected, active int) {
	t.Helper()
	want := tandem.ConnectionStatus{ConnectionCount: connected, ActiveConnectionCount: active}
	eventually(t, func() bool { return l.Status() == want })
}

func TestCountsAreSafeWhileReplicatorsComeAndGo(t *testing.T) { // L-17
	theirs := newCollection(t)
	for i := range 5 {
		save(t, theirs, fmt.Sprint(i), `{}`)
	}
	l := offer(t, theirs)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var pollers, clients sync.WaitGroup
	for range 3 {
		pollers.Go(func() {
			pace := time.NewTicker(time.Millisecond) // the clients need the processors, too
			defer pace.Stop()
			for ; ctx.Err() == nil; <-pace.C {
				s := l.Status()
				if s.ActiveConnectionCount < 0 || s.ActiveConnectionCount > s.ConnectionCount || s.ConnectionCount > 20 {
					t.Errorf("status %+v", s)
				}
				_ = l.Statistics()
			}
		})
	}
	for i := range 20 {
		r := replicator(t, l.URLs()[0], newCollection(t), func(c *tandem.ReplicatorConfiguration) { c.Continuous = i%2 == 0 })
		clients.Go(func() {
			if err := errors.Join(r.Start(), r.Wait(ctx)); err != nil {
				t.Error(err)
			}
			r.Close()
		})
	}
	clients.Wait()
	cancel()
	pollers.Wait()
	wantCounts(t, l, 0, 0)
	if got := l.Statistics(); got.Connections != 20 || got.Failures != 0 || got.Progress.Push.Documents != 100 {
		t.Errorf("statistics %+v, want 20 connections that took 100 documents", got)
	}
}

func TestStopWhenIdleWaitsForTransfers(t *testing.T) { // L-18
	theirs, ours := newCollection(t), newCollection(t)
	for i := range 10 {
		save(t, theirs, fmt.Sprint(i), `{}`)
	}
	l := offer(t, theirs)
	begun, goOn := make(chan struct{}), make(chan struct{})
	var once sync.Once
	r := replicator(t, l.URLs()[0], ours, func(c *tandem.ReplicatorConfiguration) {
		c.Continuous, c.Type = true, tandem.Pull
		c.Collections[0].PullFilter = func(*tandem.Document, tandem.DocumentFlags) bool {
			once.Do(func() { close(begun); <-goOn })
			return true
		}
	})
	check(t, r.Start())
	receive(t, "the transfer", begun)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	wantError(t, "with a context that has ended", l.StopWhenIdle(ended), context.Canceled)
	if l.Port() == 0 {
		t.Fatal("the listener stopped in the middle of a transfer")
	}
	stopped := make(chan error, 1)
	go func() { stopped <- l.StopWhenIdle(context.Background()) }()
	select {
	case err := <-stopped:
		t.Fatalf("it stopped in the middle of a transfer: %v", err)
	default:
	}
	close(goOn)
	check(t, receive(t, "the stop", stopped))
	wantOff(t, "after the stop", l)
	if n := len(contents(t, ours)); n != 10 {
		t.Errorf("the client has %d documents, want 10", n)
	}
}

func TestAReadOnlyListenerIsPulledFromAlone(t *testing.T) { // C-01 X-07 X-18
	theirs := newCollection(t)
	save(t, theirs, "theirs", `{}`)
	l := offer(t, theirs, func(c *tandem.URLEndpointListenerConfiguration) { c.ReadOnly = true })
	for _, kind := range []tandem.ReplicatorType{tandem.Push, tandem.PushAndPull} {
		for _, c := range []bool{false, true} {
			ours := newCollection(t)
			save(t, ours, "ours", `{}`)
			endWith(t, replicator(t, l.URLs()[0], ours, ofType(kind), func(cfg *tandem.ReplicatorConfiguration) {
				cfg.Continuous = c
			}), tandem.ErrForbidden)
		}
	}
	wantContents(t, theirs, map[string]string{"theirs": `{}`})

	ours := newCollection(t)
	syncOnce(t, replicator(t, l.URLs()[0], ours)) // nothing to push: nothing to forbid
	wantContents(t, ours, map[string]string{"theirs": `{}`})
	save(t, ours, "ours", `{}`)
	var clients sync.WaitGroup
	for _, coll := range []*tandem.Collection{ours, newCollection(t), newCollection(t)} {
		r := replicator(t, l.URLs()[0], coll, ofType(tandem.Pull))
		clients.Go(func() {
			if err := errors.Join(r.Start(), r.Wait(context.Background())); err != nil {
				t.Error(err)
			}
		})
	}
	clients.Wait()
}

// Explain tells of a peer that refuses the whole push, until it takes one.
func TestARefusedPushIsExplained(t *testing.T) {
	theirs, ours := newCollection(t), newCollection(t)
	save(t, ours, "ours", `{}`)
	explained := func(r *tandem.Replicator, want tandem.DocumentState) tandem.Explanation {
		t.Helper()
		e, err := r.Explain(t.Context(), ours, "ours")
		if err != nil || e.State != want {
			t.Errorf("explained as %+v (%v), want %s", e, err, want)
		}
		return e
	}

	l := offer(t, theirs, func(c *tandem.URLEndpointListenerConfiguration) { c.ReadOnly = true })
	r := replicator(t, l.URLs()[0], ours)
	endWith(t, r, tandem.ErrForbidden)
	if e := explained(r, tandem.DocumentRefused); e.Refusal == nil || e.Refusal.Code != 403 || !e.Refusal.Push {
		t.Errorf("the refusal is %+v, want a push that was refused with 403", e.Refusal)
	}

	port := l.Port()
	l.Stop()
	offer(t, theirs, func(c *tandem.URLEndpointListenerConfiguration) { c.Port = port })
	syncOnce(t, r)
	explained(r, tandem.DocumentSynced)
	save(t, ours, "ours", `{"edit":1}`)
	explained(r, tandem.DocumentPending)
}

func TestADeletedCollectionEndsItsClientsAlone(t *testing.T) {
	ctx := t.Context()
	doomedIn := func(db *tandem.Database) *tandem.Collection {
		coll, err := db.CreateCollection(ctx, "_default", "doomed")
		check(t, err)
		return coll
	}
	for name, afterwards := range map[string]func(*tandem.Collection){
		"idle":    func(*tandem.Collection) {},
		"writing": func(coll *tandem.Collection) { save(t, coll, "a", `{}`) },
	} {
		t.Run(name, func(t *testing.T) {
			db := newDatabase(t, tandem.Options{})
			kept, doomed := defaultIn(t, db), doomedIn(db)
			l := offer(t, kept, func(c *tandem.URLEndpointListenerConfiguration) { c.Collections = append(c.Collections, doomed) })
			ours, others := doomedIn(newDatabase(t, tandem.Options{})), newCollection(t)
			client := replicator(t, l.URLs()[0], ours, continuous)
			idle(t, client)
			other := replicator(t, l.URLs()[0], others, continuous)
			idle(t, other)
			connection := other.CorrelationID()

			check(t, db.DeleteCollection(ctx, "_default", "doomed"))
			afterwards(ours)
			eventually(t, func() bool { client.RetryNow(); return client.Status().Activity == tandem.Stopped })
			wantError(t, "the client of the deleted collection", client.Status().Err, tandem.ErrNotFoundRemotely)
			endWith(t, replicator(t, l.URLs()[0], ours), tandem.ErrNotFoundRemotely)

			save(t, kept, "b", `{}`)
			eventually(t, func() bool { _, err := others.Document(ctx, "b"); return err == nil })
			if s := other.Status(); s.Err != nil || other.CorrelationID() != connection {
				t.Errorf("the client of the other collection has lost its connection: %+v", s)
			}
		})
	}
}

func TestChangesOfClientsAreHeardOf(t *testing.T) {
	theirs, ours := newCollection(t), newCollection(t)
	calls := make(chan tandem.CollectionChange, 10)
	token, err := theirs.AddChangeListener(t.Context(), func(c tandem.CollectionChange) { calls <- c })
	check(t, err)
	defer token.Remove()
	save(t, ours, "a", `{}`)
	syncOnce(t, replicator(t, offer(t, theirs).URLs()[0], ours))
	if got := receive(t, "the change", calls); len(got.DocumentIDs) != 1 || got.DocumentIDs[0] != "a" {
		t.Errorf("the change is %+v, want document a", got)
	}
}
