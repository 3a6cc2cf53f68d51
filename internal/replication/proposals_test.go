package replication_test

import (
	"maps"
	"slices"
	"testing"

	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
)

// TestWhatThePeerHasGoneOnFromIsNoConflict only pushes to a peer that has had the document before,
// and has changed it since: Couchbase Lite answers 409, though there is no edit of ours.
func TestWhatThePeerHasGoneOnFromIsNoConflict(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		a := newPeer(t, v)
		a.put("doc", `{"n":1}`)
		if err := meetActive(t, a, nil, politely, caughtUp).await(); err != nil {
			t.Fatal(err)
		}
		push := func() []string {
			l := meetActive(t, a, func(cfg *replication.Active) { cfg.Collections[0].Pull = false },
				but("proposeChanges", saying("[409]")), nil)
			if err := l.await(); err != nil {
				t.Errorf("ended with %v", err)
			}
			return l.events.sorted()
		}
		if events := push(); len(events) > 0 {
			t.Errorf("reported %q, want nothing", events)
		}
		a.put("doc", `{"n":2}`)
		if events := push(); !slices.Equal(events, []string{"push doc WebSocket/409"}) {
			t.Errorf("after an edit reported %q, want the conflict", events)
		}
	})
}

// TestWhatThePeerHasGoneOnFromIsLeftAlone is the same with a pull whose filter refuses the peer's
// revision: the document stays as it is, on both sides.
func TestWhatThePeerHasGoneOnFromIsLeftAlone(t *testing.T) {
	a := newPeer(t, store.RevTrees)
	pullOnly := func(cfg *replication.Active) { cfg.Collections[0].Push = false }
	pulled := meetActive(t, a, pullOnly, politely,
		offers(`[[1,"doc","1-aa"]]`, [2]string{"id=doc rev=1-aa sequence=1", `{"n":1}`}))
	if err := pulled.await(); err != nil {
		t.Fatal(err)
	}
	before := a.contents()
	refuseAll := func(cfg *replication.Active) {
		cfg.StartedOver = true
		cfg.Collections[0].PullFilter = func(*store.Document, bool) bool { return false }
	}
	l := meetActive(t, a, refuseAll, but("proposeChanges", saying(`[{"status":409,"rev":"2-bb"}]`)),
		offers(`[[2,"doc","2-bb"]]`, [2]string{"id=doc rev=2-bb history=1-aa sequence=2", `{"n":2}`}))
	if err := l.await(); err != nil {
		t.Errorf("ended with %v", err)
	}
	if events := l.events.sorted(); !slices.Equal(events, []string{"pull doc WebSocket/403"}) {
		t.Errorf("reported %q, want what the filter has refused", events)
	}
	if after := a.contents(); !maps.Equal(after, before) {
		t.Errorf("stored is %v, want %v", after, before)
	}
}
