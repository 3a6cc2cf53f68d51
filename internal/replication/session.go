package replication

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
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
	state chan struct{} // capacity 1: something has changed that may end the session

	group sync.WaitGroup
	work  context.Context //nolint:containedctx // spans Run; handlers start goroutines with it
	end   context.CancelCauseFunc

	mu   sync.Mutex // guards the following
	err  error      // why the session fails, the first reason
	soft error      // what went wrong without ending the session
	left error      // why a document was left for the next session

	unsaved map[*checkpointer]error // checkpoints whose last save has failed
	leaving bool                    // the goodbye is said: what fails from now on is no news
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
	})
	s.receiver = newReceiver(s)
	s.blobs = newBlobFetcher(s)
	return s
}

// Run holds the conversation. It returns nil when a one-shot session has done its work, or
// when ctx has ended and the session was closed in order; otherwise what ended it, as the
// error that belongs into a replicator's status. It leaves no goroutine behind.
func (s *Session) Run(ctx context.Context) error {
	s.work, s.end = context.WithCancelCause(context.WithoutCancel(ctx))
	defer s.end(nil)
	closed := make(chan error, 1)
	s.group.Go(func() {
		err := s.conn.Run(s.work)
		closed <- err
		s.end(err)
	})
	finished := make(chan struct{})
	if s.active != nil {
		s.goes(func(work context.Context) error {
			err := s.drive(work)
			if err == nil && work.Err() == nil {
				close(finished)
			}
			return err
		})
	}
	err := s.await(ctx, finished, closed)
	s.end(err)
	s.group.Wait()
	return err
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
			s.saveCheckpoints(s.work) //nolint:contextcheck // ctx has ended; the goodbye is still to be said
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

// ending names the reason for the end of a connection that we did not ask to end.
func (s *Session) ending(err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	var closed *blip.CloseError
	if !errors.As(err, &closed) {
		return err
	}
	return closedByPeer(closed)
}

// closedByPeer maps a close code to the error of spec/handshake.md §8.
func closedByPeer(closed *blip.CloseError) error {
	code := closed.Code
	switch code {
	case 1000, 1001:
		return fault.PeerClosed.Because(closed)
	case 1006:
		return fault.ConnectionLost.Because(closed)
	}
	return fault.New(fault.WebSocket, code, "the peer closed the connection").Because(closed)
}

// fail ends the session because of err; the first reason counts. Why a connection ended is
// for the connection to say, not for those who find it closed.
func (s *Session) fail(err error) {
	if errors.Is(err, fault.NotConnected) {
		return
	}
	s.mu.Lock()
	first := s.err == nil
	if first {
		s.err = err
	}
	s.mu.Unlock()
	if first {
		code := s.closeCode(err)
		s.conn.Close(code, closeReason(code, err))
	}
}

func (s *Session) failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err != nil
}

func closeReason(code int, err error) string {
	if code == 1000 {
		return ""
	}
	_, _, text := toPeer(err)
	return text
}

// setback remembers what went wrong without ending the session; a one-shot session ends with it.
func (s *Session) setback(err error) {
	if err == nil || s.work.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leaving {
		return
	}
	s.soft = err
	s.log.Warn("setback", "error", err)
}

// saved remembers how the last save of a checkpoint went: a later success makes up for a failure.
func (s *Session) saved(k *checkpointer, err error) {
	if s.work.Err() != nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.leaving {
		return
	}
	if err == nil {
		delete(s.unsaved, k)
		return
	}
	if s.unsaved == nil {
		s.unsaved = make(map[*checkpointer]error)
	}
	s.unsaved[k] = err
	s.log.Warn("checkpoint is not saved", "error", err)
}

// softLocked is what went wrong without ending the session, and still is.
func (s *Session) softLocked() error {
	if s.soft != nil {
		return s.soft
	}
	for _, err := range s.unsaved {
		return err
	}
	return nil
}

// leave remembers that a document was left for the next session, because of err.
func (s *Session) leave(err error) {
	s.setback(err)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.left = err
}

// leftBehind returns an error that may pass, if a document was left for the next session.
func (s *Session) leftBehind() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.left == nil {
		return nil
	}
	return fault.New(fault.WebSocket, 503, "a document has to wait").Because(s.left)
}

// goes runs part of the session on its own goroutine; its error ends the session.
func (s *Session) goes(part func(ctx context.Context) error) {
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

// Err returns the last thing that went wrong without ending the session, or nil.
func (s *Session) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.softLocked()
}

// Busy reports whether there is anything left to do just now.
func (s *Session) Busy() bool {
	if s.active != nil && !s.begun.Load() || s.failed() {
		return true // the handshake is still to come, or the end
	}
	for _, c := range s.all() {
		if c.busy() {
			return true
		}
	}
	return s.receiver.busy()
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

// handle passes an incoming request to its handler. It runs on the connection's reader and
// does not block for long: see each handler.
func (s *Session) handle(req *blip.Request) {
	if err := s.dispatch(req); err != nil {
		s.refuse(req, err)
	}
}

// handlers answer the requests about one collection. An error becomes the error reply.
var handlers = map[string]func(*collection, *blip.Request) error{
	profileGetCheckpoint:   (*collection).getCheckpoint,
	profileSetCheckpoint:   (*collection).setCheckpoint,
	profileSubChanges:      (*collection).subChanges,
	profileUnsubChanges:    (*collection).unsubChanges,
	profileChanges:         (*collection).announced,
	profileProposeChanges:  (*collection).announced,
	profileRev:             (*collection).revArrived,
	profileNoRev:           (*collection).noRevArrived,
	profileGetAttachment:   (*collection).getAttachment,
	profileProveAttachment: (*collection).proveAttachment,
}

func (s *Session) dispatch(req *blip.Request) error {
	profile := req.Profile()
	if profile == profileGetCollections {
		return s.getCollections(req)
	}
	handler, ok := handlers[profile]
	if !ok {
		return fault.New(fault.BLIP, 404, fmt.Sprintf("no handler for profile %q", profile))
	}
	c, err := s.collectionOf(req)
	if err != nil {
		return err
	}
	return handler(c, req)
}

// refuse answers a request with an error.
func (s *Session) refuse(req *blip.Request, err error) {
	domain, code, text := toPeer(err)
	s.log.Debug("refused a request", "profile", req.Profile(), "error", err)
	req.ReplyError(domain, code, text)
}

// collectionOf finds the collection that a request is about. The first message of a
// passive session decides between the two forms of spec/replication.md §2.
func (s *Session) collectionOf(req *blip.Request) (*collection, error) {
	text, given := req.Properties.Get(propCollection)
	if s.agreed.Load() == nil && s.shared != nil && !given {
		if err := s.beginLegacy(); err != nil {
			return nil, err
		}
	}
	agreed := s.agreed.Load()
	if agreed == nil {
		return nil, fault.New(fault.BLIP, 400, "the first message has to be getCollections")
	}
	all := agreed.byIndex
	switch legacy := all[0] != nil && all[0].index < 0; {
	case !given && legacy:
		return all[0], nil
	case !given:
		return nil, fault.New(fault.HTTP, 400, "the message names no collection")
	case legacy:
		return nil, fault.New(fault.HTTP, 400, "the message names a collection, and none were agreed upon")
	}
	index, err := strconv.Atoi(text)
	if err != nil || index < 0 || index >= len(all) || all[index] == nil {
		return nil, fault.New(fault.HTTP, 400, fmt.Sprintf("the message names collection %q, which does not exist", text))
	}
	return all[index], nil
}

// later has a slow request done, which does not depend on the order of others: after the ones
// before it, on a goroutine that ends when there are no more. It blocks while too many wait,
// which holds back the peer: tasks need nothing from the connection.
func (s *Session) later(task func(context.Context)) {
	select {
	case s.tasks <- task:
	case <-s.work.Done():
		return
	}
	if s.tasking.CompareAndSwap(false, true) {
		s.goes(s.doTasks)
	}
}

func (s *Session) doTasks(ctx context.Context) error {
	for ctx.Err() == nil {
		select {
		case task := <-s.tasks:
			task(ctx)
		default:
			s.tasking.Store(false)
			if len(s.tasks) == 0 || !s.tasking.CompareAndSwap(false, true) { // one may have come just now
				return nil
			}
		}
	}
	return nil
}

func (s *Session) saveCheckpoints(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, farewell)
	defer cancel()
	for _, c := range s.all() {
		if c.check != nil {
			s.saved(c.check, c.check.save(ctx))
		}
	}
}
