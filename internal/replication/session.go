package replication

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/store"
)

// farewell bounds what a session still does once it was asked to end.
const farewell = 5 * time.Second

// Session is one conversation between two peers, over one connection. Make one with
// [NewActive] or [NewPassive] and let it [Session.Run] once. Its other methods may be
// called from any goroutine at any time.
type Session struct {
	common Common
	active *Active  // nil on the passive side
	shared *Passive // nil on the active side

	db       *store.DB
	conn     *blip.Conn
	log      *slog.Logger
	traced   bool         // the log wants to hear of each message
	remote   store.Remote // of the active side; 0 on the passive
	receiver *receiver
	blobs    *blobFetcher
	blobGate gate
	tasks    chan func(context.Context) // slow requests, done one after another
	tasking  atomic.Bool                // a goroutine does them

	// agreed is written once: at the start on the active side, by the first message on the
	// passive.
	agreed atomic.Pointer[agreement]

	begun atomic.Bool   // the active side has started its work
	ended atomic.Bool   // the work is over
	state chan struct{} // capacity 1: something has changed that may end the session

	group sync.WaitGroup
	work  context.Context //nolint:containedctx // spans Run; handlers start goroutines with it
	end   context.CancelCauseFunc

	mu   sync.Mutex // guards the following
	err  error      // why the session fails, the first reason
	soft error      // what went wrong without ending the session
	left error      // why a document was left for the next session

	unsaved map[string]error // by checkpoint: why its last save has failed
	leaving bool             // the goodbye is said: what fails from now on is no news
}

// NewActive makes the session of the peer that opened the connection.
func NewActive(pipe blip.Pipe, cfg Active) *Session {
	s := newSession(pipe, cfg.Common)
	s.active = &cfg
	return s
}

// NewPassive makes the session of the peer that accepted the connection.
func NewPassive(pipe blip.Pipe, cfg Passive) *Session {
	s := newSession(pipe, cfg.Common)
	s.shared = &cfg
	return s
}

func newSession(pipe blip.Pipe, common Common) *Session {
	s := &Session{
		common: common,
		db:     common.DB,
		log:    common.Log,
		tasks:  make(chan func(context.Context), 16),
		state:  make(chan struct{}, 1),
	}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	s.conn = blip.NewConn(pipe, blip.Config{
		Handler: s.handle, ReplyTimeout: common.ReplyTimeout, Compression: common.Compression,
		InOrder: func(profile string) bool { return profile == wire.ProfileChanges },
	})
	s.receiver = newReceiver(s)
	s.blobs = newBlobFetcher(s)
	return s
}

// Run holds the conversation. It returns nil when a one-shot session has done its work, or
// when ctx has ended and the session was closed in order; otherwise what ended it, as the
// error that belongs in a replicator's status. It leaves no goroutine behind.
func (s *Session) Run(ctx context.Context) error {
	s.work, s.end = context.WithCancelCause(context.WithoutCancel(ctx))
	defer s.end(nil)
	s.traced = s.log.Enabled(ctx, slog.LevelDebug)
	closed := make(chan error, 1)
	s.group.Go(func() {
		err := s.conn.Run(s.work)
		closed <- err
		s.endWith(err)
	})
	finished := make(chan struct{})
	if s.active != nil {
		s.spawn(func(work context.Context) error {
			err := s.drive(work)
			if err == nil && work.Err() == nil {
				close(finished)
			}
			return err
		})
	}
	err := s.await(ctx, finished, closed)
	s.endWith(err)
	s.group.Wait()
	return err
}

// endWith ends what works for the session.
func (s *Session) endWith(err error) {
	s.ended.Store(true)
	s.end(err)
}

// await waits for whatever ends the session, and says goodbye. Meanwhile it watches the peer.
func (s *Session) await(ctx context.Context, finished <-chan struct{}, closed chan error) error {
	w := s.newWatch()
	defer w.ticker.Stop()
	for {
		select {
		case <-w.ticker.C:
			if err := w.look(time.Now()); err != nil {
				s.fail(err)
			}
		case err := <-closed:
			return s.ending(err)
		case <-finished:
			return s.bye(closed, 1000, "")
		case <-ctx.Done():
			if s.active == nil {
				return s.bye(closed, 1001, "the listener has stopped")
			}
			s.saveInTime(s.work) //nolint:contextcheck // ctx has ended; the goodbye is still to be said
			return s.bye(closed, 1000, "")
		}
	}
}

func (s *Session) bye(closed <-chan error, code int, reason string) error {
	s.mu.Lock()
	s.leaving = true
	s.mu.Unlock()
	s.conn.Close(code, reason)
	err := <-closed
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	if err != nil {
		s.log.Debug("connection did not close in order", "error", err)
	}
	return s.softLocked()
}

// spawn runs part of the session on its own goroutine; its error ends the session.
func (s *Session) spawn(part func(ctx context.Context) error) {
	s.group.Go(func() {
		if err := part(s.work); err != nil && s.work.Err() == nil {
			s.fail(err)
		}
	})
}

// Progress returns how far the session has come.
func (s *Session) Progress() Progress {
	p := Progress{Busy: s.Busy()}
	for _, c := range s.all() {
		c.counters.addTo(&p)
	}
	stats := s.conn.Stats()
	p.BytesSent, p.BytesReceived = uint64(stats.Sent.Bytes), uint64(stats.Received.Bytes)
	return p
}

// LookAgain makes Busy true until everything that is committed by now was looked at. Otherwise an
// edit is noticed a moment after it.
func (s *Session) LookAgain() {
	for _, c := range s.all() {
		if push := c.pusher(); push != nil {
			push.refresh()
		}
	}
}

// Busy reports whether there is anything left to do just now.
func (s *Session) Busy() bool {
	if s.active != nil && !s.begun.Load() {
		return true // the handshake is still to come
	}
	for _, c := range s.all() {
		if c.busy() {
			return true
		}
	}
	// Last: what ends has nothing left to do, either, but not before this is true.
	return s.receiver.busy() || s.failed() || s.ended.Load()
}

// stateChanged says that Busy may have changed.
func (s *Session) stateChanged() {
	select {
	case s.state <- struct{}{}:
	default:
	}
	s.progressed()
}

// progressed says that the counts have changed.
func (s *Session) progressed() {
	if s.common.Changed != nil {
		s.common.Changed()
	}
}

// agreement is what the peers have agreed to replicate.
type agreement struct {
	byIndex []*collection // nil where a collection is not shared
	all     []*collection // those that are
}

// agreeOn fixes the collections of the session.
func (s *Session) agreeOn(byIndex []*collection) {
	a := &agreement{byIndex: byIndex}
	for _, c := range byIndex {
		if c != nil {
			a.all = append(a.all, c)
		}
	}
	s.agreed.Store(a)
	s.stateChanged()
}

func (s *Session) all() []*collection {
	if a := s.agreed.Load(); a != nil {
		return a.all
	}
	return nil
}

// vectors reports whether the database writes version vectors.
func (s *Session) vectors() bool { return s.db.Versioning() == store.VersionVectors }

// saveCheckpoints saves the checkpoints of all collections, where there are any to save.
func (s *Session) saveCheckpoints(ctx context.Context) {
	for _, c := range s.all() {
		if c.check != nil {
			s.saved(c.check.id, c.check.save(ctx))
		}
	}
}

// saveInTime is saveCheckpoints for a session that does not end by itself: it takes no longer than
// farewell.
func (s *Session) saveInTime(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	s.saveCheckpoints(ctx)
}
