package replication_test

import (
	"encoding/json"
	"fmt"
	"runtime"
	"testing"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// TestManyRefusalsAreWrittenByOne has a listener refuse many documents while the database cannot be written.
func TestManyRefusalsAreWrittenByOne(t *testing.T) {
	const many = 2_000
	a := newPeer(t, store.VersionVectors)
	a.fill(many, 10)
	locked, unlock, released := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	before := runtime.NumGoroutine()
	l := meetActive(t, a, nil, but("proposeChanges", func(r *blip.Request) {
		var items []any
		if err := json.Unmarshal(r.Body, &items); err != nil {
			t.Errorf("proposals %s: %v", r.Body, err)
		}
		if len(items) > 0 {
			select {
			case <-locked:
			default:
				go func() {
					released <- a.db.Update(t.Context(), func(*store.Tx) error {
						close(locked)
						<-unlock
						return nil
					})
				}()
				<-locked
			}
		}
		answers := make([]int, len(items))
		for i := range answers {
			answers[i] = 500
		}
		body, err := json.Marshal(answers)
		if err != nil {
			t.Error(err)
		}
		r.Reply(&blip.Message{Body: body})
	}), caughtUp)
	if !testsize.Eventually(patience, func() bool { return len(l.events.sorted()) >= many }) {
		t.Fatalf("%d documents are reported, want %d", len(l.events.sorted()), many)
	}
	if n := runtime.NumGoroutine() - before; n > 100 {
		t.Errorf("%d goroutines are at work on the refusals", n)
	}
	close(unlock)
	if err := <-released; err != nil {
		t.Error(err)
	}
	if err := l.await(); err != nil {
		t.Errorf("the session ends with %v", err)
	}
	for i := range many {
		id := fmt.Sprintf("doc-%07d", i)
		opts := replication.CollectionOptions{Collection: a.coll, Push: true, Pull: true}
		e, err := replication.Explain(t.Context(), a.db, "ws://stranger/db", opts, id)
		if err != nil || e.State != replication.StateRefused {
			t.Fatalf("%s is explained as %+v, %v; want refused", id, e, err)
		}
	}
}
