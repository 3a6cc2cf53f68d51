package replication

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
)

// Session is one conversation between two peers, over one connection. Make one with
// [NewActive] or [NewPassive] and let it [Session.Run] once. Its other methods may be
// called from any goroutine at any time.
type Session struct {
	*engine
	role     role
	receiver *receiver
	blobs    *blobSender

	// agreed is written once: at the start on the active side, by the first message on the passive
	// side.
	agreed atomic.Pointer[agreement]
	begun  atomic.Bool // the role has started its directions
}

// role is the part of a session that depends on the side: [leader] for the active peer, [host] for
// the passive one.
type role interface {
	// lead runs the work of a session that ends by itself; done means that it has finished.
	// Otherwise the session goes on until its caller ends it.
	lead(ctx context.Context) (done bool, err error)

	// goodbye finishes a session whose caller has ended the context asked. It returns the close
	// code and reason.
	goodbye(asked context.Context) (code int, reason string)

	// getCollections answers the peer's first message.
	getCollections(req *blip.Request) error

	// beginLegacy handles a first message that names no collection.
	beginLegacy() error

	subChanges(x *exchange, req *blip.Request) error
	unsubChanges(x *exchange)
}

// newSession makes a session without a role. closeCode is the default close code for errors.
func newSession(pipe blip.Pipe, common Common, closeCode int) *Session {
	s := &Session{engine: newEngine(common, closeCode)}
	s.conn = blip.NewConn(pipe, blip.Config{
		Handler: s.handle, ReplyTimeout: common.ReplyTimeout, Compression: common.Compression,
		InOrder: func(profile string) bool { return profile == wire.ProfileChanges },
	})
	s.receiver = newReceiver(s.engine)
	s.blobs = &blobSender{s: s.engine}
	return s
}

// Run holds the conversation. It returns nil when a one-shot session has finished, or when ctx has
// ended and the session was closed in order. Otherwise it returns the error for the replicator's
// status. When Run returns, no goroutine of the session is left.
func (s *Session) Run(ctx context.Context) error {
	reborn := s.db.Reborn() // before the session reads how far both sides are
	s.begin(ctx)
	defer s.end(nil)
	defer s.claims.end()
	s.common.Mesh.greet(s.Send)
	closed := make(chan error, 1)
	s.group.Go(func() {
		err := s.conn.Run(s.work)
		closed <- err
		s.endWith(err)
	})
	finished := make(chan struct{})
	s.spawn(func(work context.Context) error {
		done, err := s.role.lead(work)
		if done && err == nil && work.Err() == nil {
			close(finished)
		}
		return err
	})
	err := s.await(ctx, finished, closed, reborn)
	s.endWith(err)
	s.group.Wait()
	return err
}

// errReborn ends the sessions of a database that has lost what peers may know of it: see [store.DB.Reborn].
var errReborn = fault.ConnectionLost.Says("the database has lost changes: begin again, and compare what both sides have")

// await waits for the end of the session and says goodbye. Meanwhile it watches the peer.
func (s *Session) await(ctx context.Context, finished <-chan struct{}, closed chan error, reborn <-chan struct{}) error {
	w := newWatch(s.engine, s.receiver)
	defer w.ticker.Stop()
	for {
		select {
		case <-w.ticker.C:
			if err := w.look(time.Now(), s.all()); err != nil {
				s.fail(err)
			}
		case err := <-closed:
			return s.ending(err)
		case <-reborn:
			reborn = nil
			if s.fails(errReborn) {
				s.conn.Close(wire.CloseTryAgain, errReborn.Message) // continuous replicators come back after that
			}
		case <-finished:
			return s.bye(closed, wire.CloseNormal, "")
		case <-ctx.Done():
			code, reason := s.role.goodbye(ctx)
			return s.bye(closed, code, reason)
		}
	}
}

func (s *Session) bye(closed <-chan error, code int, reason string) error {
	s.leaveNow()
	s.conn.Close(code, reason)
	return s.outcome(<-closed)
}

// Progress returns how far the session has come.
func (s *Session) Progress() Progress {
	p := Progress{Busy: s.Busy()}
	for _, x := range s.all() {
		x.counters.addTo(&p)
	}
	stats := s.conn.Stats()
	p.BytesSent, p.BytesReceived = uint64(stats.Sent.Bytes), uint64(stats.Received.Bytes)
	return p
}

// Begun reports whether both directions have begun in each collection. On the passive side they do
// when the peer asks for them.
func (s *Session) Begun() bool {
	all := s.all()
	for _, x := range all {
		if x.push.get() == nil {
			return false
		}
	}
	return len(all) > 0 && s.begun.Load()
}

// Send sends a request of the mesh's own, which wants no reply. Before Run it waits there.
func (s *Session) Send(m *blip.Message) error { return s.conn.Send(m, nil) }

// Err returns the latest error that did not end the session, or nil.
func (s *Session) Err() error { return s.lastSetback() }

// LookAgain makes Busy true until the session has seen every change that is committed now. Without
// it, the session notices an edit a moment later.
func (s *Session) LookAgain() {
	for _, x := range s.all() {
		x.push.refresh()
	}
}

// Busy reports whether the session has work.
func (s *Session) Busy() bool {
	if !s.begun.Load() {
		return true // the collections are not agreed on yet
	}
	for _, x := range s.all() {
		if x.busy() {
			return true
		}
	}
	// Last, because an ending session is idle too, and must still be busy until these are true.
	return s.receiver.busy() || s.failed() || s.ended.Load()
}

// agreement lists the collections that the peers replicate.
type agreement struct {
	byIndex []*exchange // nil where a collection is not shared
	all     []*exchange // the shared ones
}

// agreeOn fixes the collections of the session.
func (s *Session) agreeOn(byIndex []*exchange) {
	a := &agreement{byIndex: byIndex}
	for _, x := range byIndex {
		if x != nil {
			a.all = append(a.all, x)
		}
	}
	s.agreed.Store(a)
	s.stateChanged()
}

func (s *Session) all() []*exchange {
	if a := s.agreed.Load(); a != nil {
		return a.all
	}
	return nil
}
