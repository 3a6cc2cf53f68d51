package replication_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"
	"testing"
	"time"

	"github.com/tandemdb/tandem/internal/replication"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
	"github.com/tandemdb/tandem/internal/testsize"
)

// preferring is first as the outcome of a conflict with second.
func preferring(first, second revision.Rev) revision.Rev {
	if first.ID.IsTree() {
		return revision.Supersede(first, second)
	}
	return revision.Absorb(first, second)
}

// versionsOf returns two revisions in conflict, the later one first.
func versionsOf(v store.Versioning) (later, earlier revision.Rev) {
	if v == store.RevTrees {
		base := revision.EditTree(revision.Rev{}, false, []byte("{}"))
		one, other := revision.EditTree(base, false, []byte(`{"n":1}`)), revision.EditTree(base, false, []byte(`{"n":2}`))
		if one.ID < other.ID {
			one, other = other, one
		}
		return one, other
	}
	source := func(first byte) revision.Source { return revision.SourceFrom([16]byte{first, 15: 1}) }
	at := revision.Time(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	return revision.EditVersion(revision.Rev{}, at+1<<20, source(1)), revision.EditVersion(revision.Rev{}, at, source(2))
}

func (p *peer) receive(rev revision.Rev, body string) {
	p.t.Helper()
	p.update(func(tx *store.Tx) error {
		_, err := tx.Receive(p.coll, store.Incoming{ID: "doc", Rev: rev, Body: []byte(body)})
		return err
	})
}

// agree waits until both peers have the same, and are at rest.
func (c *connection) agree(t *testing.T, a, p *peer) {
	t.Helper()
	if !testsize.Eventually(patience, func() bool {
		l := c.link.Load()
		return l != nil && !l.active.Busy() && maps.Equal(a.contents(), p.contents())
	}) {
		t.Errorf("active: %v, passive: %v", a.contents(), p.contents())
	}
}

// connection is a continuous session, and those that start over after it.
type connection struct {
	stop context.CancelFunc
	done chan error
	link atomic.Pointer[link]
}

func keepConnected(t *testing.T, a, p *peer) *connection {
	ctx, stop := context.WithCancel(t.Context())
	c := &connection{stop: stop, done: make(chan error, 1)}
	go func() {
		var err error
		for over := false; ctx.Err() == nil && (err == nil || over); {
			l := connect(t, a, p, func(active *replication.Active, _ *replication.Passive) {
				active.Continuous, active.StartedOver = true, over
			})
			c.link.Store(l)
			context.AfterFunc(ctx, l.stop)
			err = <-l.activeErr
			<-l.passiveErr
			over = errors.Is(err, replication.ErrStartOver)
		}
		c.done <- err
	}()
	return c
}

func (c *connection) end(t *testing.T) {
	t.Helper()
	c.stop()
	if err := <-c.done; err != nil {
		t.Errorf("the sessions ended with %v", err)
	}
}

// Two peers have settled the same conflict, each in favour of the other's revision.
func TestPeersThatPreferTheOthersRevisionAgree(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		later, earlier := versionsOf(v)
		for _, x := range []struct{ ours, theirs revision.Rev }{{later, earlier}, {earlier, later}} {
			t.Run(fmt.Sprintf("active prefers %s", x.ours.ID), func(t *testing.T) {
				a, p := newPeer(t, v), newPeer(t, v)
				a.receive(preferring(x.ours, x.theirs), `{"of":"active"}`)
				p.receive(preferring(x.theirs, x.ours), `{"of":"passive"}`)
				sync(t, a, p)
				requireSame(t, a, p, 1)
				if moved := sync(t, a, p).active.Progress(); moved.Push.Documents+moved.Pull.Documents > 0 {
					t.Errorf("a second session moves %+v", moved)
				}
			})
		}
	})
}

// One of two peers that had the same changes its mind, because of a third one.
func TestAPeerThatPrefersAnotherRevisionLaterAgrees(t *testing.T) {
	eachVersioning(t, func(t *testing.T, v store.Versioning) {
		later, earlier := versionsOf(v)
		for _, x := range []struct{ first, second revision.Rev }{{later, earlier}, {earlier, later}} {
			for _, turns := range []string{"active", "passive"} {
				t.Run(fmt.Sprintf("%s, from %s", turns, x.first.ID), func(t *testing.T) {
					a, p := newPeer(t, v), newPeer(t, v)
					stays, turns := p, map[string]*peer{"active": a, "passive": p}[turns]
					if turns == p {
						stays = a
					}
					stays.receive(preferring(x.first, x.second), `{"n":1}`)
					turns.receive(x.first, `{"n":1}`)
					a.put("other", "{}")
					l := keepConnected(t, a, p)
					l.agree(t, a, p)
					turns.prefer(x.second, `{"n":2}`)
					l.agree(t, a, p)
					l.end(t)
				})
			}
		}
	})
}

// prefer has the peer receive rev from a third one, and settle the conflict in favour of it.
func (p *peer) prefer(rev revision.Rev, body string) {
	p.t.Helper()
	p.update(func(tx *store.Tx) error {
		third, err := tx.RemoteFor("ws://third.example.com/db")
		if err != nil {
			return err
		}
		if _, err := tx.Receive(p.coll, store.Incoming{ID: "doc", Rev: rev, Body: []byte(body), Remote: third}); err != nil {
			return err
		}
		conflict, err := tx.ConflictOf(p.coll, "doc")
		if err != nil {
			return err
		}
		_, err = tx.Resolve(p.coll, store.Resolution{ID: "doc", Remote: third, Local: conflict.Local.Rev.ID, Winner: store.RemoteWins})
		return err
	})
}
