package replication_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	gosync "sync"
	"sync/atomic"
	"testing"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// inConflict makes two peers that have both edited each document since they were in sync.
func inConflict(t *testing.T, v store.Versioning, ids ...string) (a, p *peer) {
	t.Helper()
	a, p = newPeer(t, v), newPeer(t, v)
	for _, id := range ids {
		a.put(id, `{"n":1}`)
	}
	sync(t, a, p)
	for _, id := range ids {
		a.put(id, `{"by":"a"}`)
		p.put(id, `{"by":"p"}`)
	}
	return a, p
}

// eventLog keeps the errors of the documents of a session.
type eventLog struct {
	mu     gosync.Mutex
	failed []error
}

func (l *eventLog) add(events []replication.DocumentEvent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range events {
		if e.Err != nil {
			l.failed = append(l.failed, e.Err)
		}
	}
}

// syncResolving runs a one-shot session with a resolver, and returns the errors of documents.
func syncResolving(t *testing.T, a, p *peer, resolve replication.Resolver) []error {
	t.Helper()
	var log eventLog
	sync(t, a, p, func(active *replication.Active, _ *replication.Passive) {
		active.Documents = log.add
		active.Collections[0].Resolver = resolve
	})
	return log.failed
}

func merged(body string) (replication.Decision, error) {
	return replication.Decision{Winner: store.Merged, Body: []byte(body)}, nil
}

func TestAResolverIsAskedAgainAboutADocumentThatChanges(t *testing.T) {
	eachKind(t, func(t *testing.T, v store.Versioning) {
		a, p := inConflict(t, v, "doc")
		var seen []string
		failed := syncResolving(t, a, p, func(_ context.Context, c replication.Conflict) (replication.Decision, error) {
			if seen = append(seen, string(c.Local.Body)); len(seen) == 1 {
				a.put("doc", `{"by":"a again"}`)
			}
			return merged(`{"merged":true}`)
		})
		if got := fmt.Sprint(seen); got != `[{"by":"a"} {"by":"a again"}]` || len(failed) > 0 {
			t.Errorf("the resolver saw %s (%v), want both local documents", got, failed)
		}
		requireSame(t, a, p, 1)
	})
}

func TestADocumentThatAlwaysChangesStaysInConflict(t *testing.T) {
	a, p := inConflict(t, store.VersionVectors, "doc")
	calls := 0
	failed := syncResolving(t, a, p, func(context.Context, replication.Conflict) (replication.Decision, error) {
		calls++
		a.put("doc", fmt.Sprintf(`{"edit":%d}`, calls))
		return merged(`{}`)
	})
	if calls != 10 || len(failed) == 0 || !errors.Is(failed[0], fault.Conflict) {
		t.Errorf("asked %d times, then %v; want 10 times, then a conflict", calls, failed)
	}
	sync(t, a, p)
	requireSame(t, a, p, 1)
}

// A continuous session would wait for ever: it ends when all else is done, to be tried again.
func TestADocumentThatAlwaysChangesIsTriedAgain(t *testing.T) {
	a, p := inConflict(t, store.VersionVectors, "doc")
	calls := 0
	l := connect(t, a, p, func(active *replication.Active, _ *replication.Passive) {
		active.Continuous = true
		active.Collections[0].Resolver = func(context.Context, replication.Conflict) (replication.Decision, error) {
			calls++
			a.put("doc", fmt.Sprintf(`{"edit":%d}`, calls))
			return merged(`{}`)
		}
	})
	if err := <-l.activeErr; !errors.Is(err, fault.New(fault.WebSocket, 503, "")) {
		t.Errorf("ended with %v, want 503", err)
	}
	<-l.passiveErr
	sync(t, a, p)
	requireSame(t, a, p, 1)
}

func TestAConflictMayEndWhileItIsResolved(t *testing.T) {
	eachKind(t, func(t *testing.T, v store.Versioning) {
		a, p := inConflict(t, v, "doc")
		failed := syncResolving(t, a, p, func(context.Context, replication.Conflict) (replication.Decision, error) {
			a.update(func(tx *store.Tx) error { return tx.Purge(a.coll, "doc") })
			return merged(`{"merged":true}`)
		})
		if len(failed) > 0 {
			t.Errorf("events report %v of a conflict that is over", failed)
		}
		if got := a.contents(); len(got) > 0 {
			t.Errorf("the purged document is back: %v", got)
		}
	})
}

func TestAPushWithoutPullReportsConflicts(t *testing.T) {
	eachKind(t, func(t *testing.T, v store.Versioning) {
		a, p := inConflict(t, v, "doc")
		ours, theirs := a.contents()["doc"], p.contents()["doc"]
		var log eventLog
		sync(t, a, p, func(active *replication.Active, _ *replication.Passive) {
			active.Documents = log.add
			active.Collections[0].Pull = false
		})
		if len(log.failed) != 1 || !errors.Is(log.failed[0], fault.RemoteConflict) {
			t.Errorf("events report %v, want one conflict", log.failed)
		}
		if a.contents()["doc"] != ours || p.contents()["doc"] != theirs {
			t.Errorf("active has %v, passive %v, want what both had", a.contents(), p.contents())
		}
	})
}

func TestAConflictLeftOverIsResolvedByTheNextRun(t *testing.T) {
	eachKind(t, func(t *testing.T, v store.Versioning) {
		a, p := inConflict(t, v, "doc")
		failed := syncResolving(t, a, p, func(context.Context, replication.Conflict) (replication.Decision, error) {
			panic("not now")
		})
		if len(failed) == 0 || !errors.Is(failed[0], fault.Unexpected) {
			t.Errorf("events report %v, want the panic", failed)
		}
		failed = syncResolving(t, a, p, func(context.Context, replication.Conflict) (replication.Decision, error) {
			return merged(`{"merged":true}`)
		})
		requireSame(t, a, p, 1)
		if len(failed) > 0 || !strings.HasSuffix(p.contents()["doc"], `{"merged":true}`) {
			t.Errorf("the passive peer has %v (%v), want the merge", p.contents(), failed)
		}
	})
}

// A newer revision of the peer, arriving while the resolver thinks about the one before, waits for it.
func TestOneResolverAtATimeHasADocument(t *testing.T) {
	eachKind(t, func(t *testing.T, v store.Versioning) {
		a, p := inConflict(t, v, "doc")
		arrived, settled := make(chan string, 100), make(chan string, 100)
		var calls, working atomic.Int32
		resolve := func(ctx context.Context, _ replication.Conflict) (replication.Decision, error) {
			defer working.Add(-1)
			if n := working.Add(1); n > 1 {
				t.Errorf("%d resolvers have the document", n)
			}
			if calls.Add(1) == 1 {
				p.put("doc", `{"by":"p again"}`)
				for i := range 5 { // time enough for another worker to take it up
					p.put(fmt.Sprint(i), `{}`)
					waitFor(ctx, arrived, fmt.Sprint(i))
				}
			}
			return replication.Decision{Winner: store.RemoteWins}, nil
		}
		l := connect(t, a, p, func(active *replication.Active, _ *replication.Passive) {
			active.Continuous = true
			active.Collections[0].Resolver = resolve
			active.Documents = func(events []replication.DocumentEvent) {
				for _, e := range events {
					if e.ID == "doc" {
						settled <- e.ID
					} else {
						arrived <- e.ID
					}
				}
			}
		})
		ctx, cancel := context.WithTimeout(t.Context(), patience)
		defer cancel()
		waitFor(ctx, settled, "doc")
		requireSame(t, a, p, 6)
		l.stop()
		if err := <-l.activeErr; err != nil {
			t.Errorf("the session ended with %v", err)
		}
		<-l.passiveErr
	})
}

// waitFor reads from arrived until id comes.
func waitFor(ctx context.Context, arrived <-chan string, id string) {
	for {
		select {
		case got := <-arrived:
			if got == id {
				return
			}
		case <-ctx.Done():
			return
		}
	}
}

// TestEditsInQuickSuccessionLeaveNoConflict edits one document on both sides faster than conflicts are
// resolved, while a continuous session runs.
func TestEditsInQuickSuccessionLeaveNoConflict(t *testing.T) {
	eachKind(t, func(t *testing.T, v store.Versioning) {
		a, p := newPeer(t, v), newPeer(t, v)
		var log eventLog
		l := connect(t, a, p, func(active *replication.Active, _ *replication.Passive) {
			active.Continuous, active.Documents = true, log.add
		})
		for n := range testsize.Pick(100, 500) {
			a.put("doc", fmt.Sprintf(`{"a":%d}`, n))
			p.put("doc", fmt.Sprintf(`{"p":%d}`, n))
		}
		l.stop()
		if err := l.wait(t); err != nil {
			t.Error(err)
		}
		if len(log.failed) > 0 {
			t.Errorf("events report %v", log.failed)
		}
		sync(t, a, p)
		requireSame(t, a, p, 1)
	})
}
