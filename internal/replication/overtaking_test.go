package replication_test

import (
	"context"
	"fmt"
	"maps"
	"testing"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/blip/bliptest"
	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/store"
)

// TestTheEndOfTheFeedWaitsForWhatCameBefore has a listener send an announcement in two frames, and the
// caught-up message between them, as messages do that take turns. A one-shot pull takes the announced
// document before it ends.
func TestTheEndOfTheFeedWaitsForWhatCameBefore(t *testing.T) {
	for v, rev := range map[store.Versioning]string{
		store.RevTrees: "1-aa", store.VersionVectors: "18e9debc3d510000@OtherOtherOtherOtherAA",
	} {
		t.Run(string(v), func(t *testing.T) {
			a := newPeer(t, v)
			l := frameByFrame{ctx: t.Context(), t: t}
			over := l.meet(replication.Active{
				Common:      replication.Common{DB: a.db, ReplyTimeout: patience, Log: testLog(t)},
				Collections: []replication.CollectionOptions{{Collection: a.coll, Pull: true}},
				Remote:      "ws://stranger/db",
			})
			l.mustHear("getCollections", "[{}]")
			l.mustHear("subChanges", "")

			changes := blip.Props("Profile", "changes", "collection", "0")
			l.Send(1, blip.Urgent|blip.MoreComing, append(changes.Append(nil), `[[1,"doc",`...))
			l.SendMessage(2, blip.Urgent|blip.NoReply, changes, "[]")
			for i := range uint64(200) { // time enough to say goodbye
				l.SendMessage(3+i, 0, blip.Props("Profile", "PING"), "")
				l.mustBeAnswered(3 + i)
			}
			l.Send(1, blip.Urgent, fmt.Appendf(nil, "%q]]", rev))
			l.mustBeAnswered(1)
			l.SendMessage(203, 0, blip.Props(
				"Profile", "rev", "collection", "0", "id", "doc", "rev", rev, "sequence", "1"), "{}")
			l.mustBeAnswered(203)
			l.mustHear("setCheckpoint", "")
			if f, err := l.TryReceive(l.ctx); err == nil {
				t.Errorf("the session goes on with %+v", f)
			}
			if err := <-over; err != nil {
				t.Errorf("Run = %v", err)
			}
			if got, want := a.contents(), map[string]string{"doc": rev + " {}"}; !maps.Equal(got, want) {
				t.Errorf("stored %v, want %v", got, want)
			}
		})
	}
}

// frameByFrame is a listener that says just what the test does.
type frameByFrame struct {
	*bliptest.Peer
	ctx context.Context
	t   *testing.T
}

// meet lets an active session call it, and returns how that ends.
func (l *frameByFrame) meet(cfg replication.Active) <-chan error {
	here, there := blip.NewPipePair()
	l.Peer = bliptest.NewPeer(l.t, there)
	var cancel context.CancelFunc
	l.ctx, cancel = context.WithTimeout(l.ctx, patience)
	over := make(chan error, 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		over <- replication.NewActive(here, cfg).Run(l.ctx)
	}()
	l.t.Cleanup(func() { cancel(); <-done })
	return over
}

// mustHear expects a request in one frame, and answers it.
func (l *frameByFrame) mustHear(profile, answer string) {
	l.t.Helper()
	f, err := l.TryReceive(l.ctx)
	if err != nil {
		l.t.Fatalf("the session ends (%v) before %s", err, profile)
	}
	props, _, err := blip.ParseMessage(f.Body)
	if err != nil || f.Flags.Type() != blip.TypeMSG || props.Value("Profile") != profile {
		l.t.Fatalf("the session says %+v, want %s", f, profile)
	}
	l.SendMessage(f.Number, blip.TypeRPY|f.Flags&blip.Urgent, blip.Props("rev", "1-cc"), answer)
}

// mustBeAnswered expects the answer to a request.
func (l *frameByFrame) mustBeAnswered(number uint64) {
	l.t.Helper()
	f, err := l.TryReceive(l.ctx)
	if err != nil || f.Flags.Type() != blip.TypeRPY || f.Number != number {
		l.t.Fatalf("the session says %+v, %v, want the answer to %d", f, err, number)
	}
}
