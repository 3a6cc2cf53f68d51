package replication

import (
	"context"
	"fmt"
	"strconv"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
)

// handle passes an incoming request to its handler. It runs on the connection's reader and
// does not block for long: see each handler.
func (s *Session) handle(req *blip.Request) {
	if s.traced {
		s.trace("received", req.Properties, req.Body)
	}
	if err := s.dispatch(req); err != nil {
		s.refuse(req, err)
	}
}

// handlers answer the requests about one collection. An error becomes the error reply.
var handlers = map[string]func(*collection, *blip.Request) error{
	wire.ProfileGetCheckpoint:   (*collection).getCheckpoint,
	wire.ProfileSetCheckpoint:   (*collection).setCheckpoint,
	wire.ProfileSubChanges:      (*collection).subChanges,
	wire.ProfileUnsubChanges:    (*collection).unsubChanges,
	wire.ProfileChanges:         (*collection).announced,
	wire.ProfileProposeChanges:  (*collection).announced,
	wire.ProfileRev:             (*collection).revArrived,
	wire.ProfileNoRev:           (*collection).noRevArrived,
	wire.ProfileGetAttachment:   (*collection).getAttachment,
	wire.ProfileProveAttachment: (*collection).proveAttachment,
}

func (s *Session) dispatch(req *blip.Request) error {
	profile := req.Profile()
	switch profile {
	case wire.ProfileGetCollections:
		return s.getCollections(req)
	case wire.ProfilePing:
		req.Reply(nil)
		return nil
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

// collectionOf finds the collection that a request is about. The first message of a
// passive session decides between the two forms of spec/replication.md §2.
func (s *Session) collectionOf(req *blip.Request) (*collection, error) {
	text, given := req.Properties.Get(wire.PropCollection)
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

// refuse answers a request with an error. What is our own trouble becomes 503, after which a peer tries again
// later: another code would be the end of the matter for it.
func (s *Session) refuse(req *blip.Request, err error) {
	answer := err
	if isOurTrouble(err) {
		answer = fault.New(fault.WebSocket, 503, "the peer cannot do it now").Because(err)
	}
	domain, code, text := wire.ToPeer(answer)
	s.log.Debug("refused a request", "profile", req.Profile(), "error", err)
	req.ReplyError(domain, code, text)
}

// later does a slow request whose order among others does not matter: after the ones before it, on
// a goroutine that ends when there are no more. It blocks while too many wait, which holds back the
// peer; since tasks need nothing from the connection, that passes.
func (s *Session) later(task func(context.Context)) {
	select {
	case s.tasks <- task:
	case <-s.work.Done():
		return
	}
	if s.tasking.CompareAndSwap(false, true) {
		s.spawn(s.doTasks)
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
