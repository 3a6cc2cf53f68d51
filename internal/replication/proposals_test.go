package replication_test

import (
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
