package replication_test

import (
	"errors"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
)

// What is remembered of a remote that accepts the fourth protocol and speaks the third, and for how long.
func TestWhatIsRememberedOfARemote(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	var passed atomic.Int64 // nanoseconds
	p := openPeer(t, store.Options{Versioning: store.Both, Now: func() time.Time { return began.Add(time.Duration(passed.Load())) }})
	a := replication.NewAcquaintance(p.db, "ws://gateway/db")
	third, fourth := replication.CBMobile3, replication.CBMobile4
	for i, step := range []struct {
		after          time.Duration
		chosen, server string
		first          string // of the offer
		again          bool
	}{
		{0, fourth, "Couchbase Sync Gateway/4.2 EE", fourth, false},
		{0, third, "CouchbaseLite/3.1", fourth, false}, // which knows no other
		{0, fourth, "Couchbase Sync Gateway/3.2.0 CE", fourth, true},
		{0, third, "Couchbase Sync Gateway/3.2.0 CE", third, false},
		{time.Hour, third, "Couchbase Sync Gateway/3.2.0 CE", third, false},
		{24 * time.Hour, third, "Couchbase Sync Gateway/3.2.0 CE", third, true}, // it may be another by now
		{0, fourth, "Couchbase Sync Gateway/3.2.0 CE", fourth, true},
		{0, third, "Couchbase Sync Gateway/4.0.0 CE", third, true}, // it is another
		{0, fourth, "Couchbase Sync Gateway/4.0.0 CE", fourth, false},
		{0, fourth, "Couchbase Sync Gateway/3.2.0 CE", fourth, true},
		{0, fourth, "CouchbaseLite/4.0", third, false}, // an app took its place
		{0, fourth, "CouchbaseLite/4.0", fourth, false},
	} {
		passed.Add(int64(step.after))
		offer, err := a.Offers(t.Context(), true)
		if err != nil || len(offer) != 2 || offer[0] != step.first {
			t.Fatalf("step %d: the offer is %v (%v), want %s first", i, offer, err, step.first)
		}
		if again, err := a.Met(t.Context(), step.chosen, step.server); err != nil || again != step.again {
			t.Fatalf("step %d: %q chose %s: again %t (%v), want %t", i, step.server, step.chosen, again, err, step.again)
		}
	}
	other := replication.NewAcquaintance(p.db, "ws://gateway/other")
	if _, err := a.Met(t.Context(), fourth, "Couchbase Sync Gateway/3.2.0 CE"); err != nil {
		t.Fatal(err)
	}
	if offer, err := other.Offers(t.Context(), true); err != nil || offer[0] != fourth {
		t.Errorf("another remote is offered %v (%v)", offer, err)
	}
}

func TestADatabaseOfOneGenerationHasNoChoice(t *testing.T) {
	t.Parallel()
	for _, v := range []store.Versioning{store.RevTrees, store.VersionVectors} {
		a := replication.NewAcquaintance(newPeer(t, v).db, "ws://gateway/db")
		offer, err := a.Offers(t.Context(), true)
		if err != nil || !slices.Equal(offer, replication.Protocols(v, true)) {
			t.Errorf("%s: the offer is %v (%v)", v, offer, err)
		}
		_, err = a.Met(t.Context(), replication.CBMobile4, "Couchbase Sync Gateway/3.2.0 CE")
		if got, want := errors.Is(err, replication.ErrSpeaksTrees), v == store.VersionVectors; got != want {
			t.Errorf("%s: a gateway of release 3 that has accepted versions: %v", v, err)
		}
	}
}
