package replication

import (
	"fmt"
	"strconv"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
)

// handle passes an incoming request to its handler. It runs on the connection's reader, so no
// handler may block for long.
func (s *Session) handle(req *blip.Request) {
	if s.traced() {
		s.trace("received", req.Properties, req.Body)
	}
	if err := s.dispatch(req); err != nil {
		s.refuse(req, err)
	}
}

// handlers answer the requests about one collection. A returned error becomes the error reply.
var handlers = map[string]func(*Session, *exchange, *blip.Request) error{
	wire.ProfileGetCheckpoint: func(_ *Session, x *exchange, req *blip.Request) error { return x.getCheckpoint(req) },
	wire.ProfileSetCheckpoint: func(_ *Session, x *exchange, req *blip.Request) error { return x.setCheckpoint(req) },
	wire.ProfileSubChanges:    func(s *Session, x *exchange, req *blip.Request) error { return s.role.subChanges(x, req) },
	wire.ProfileUnsubChanges: func(s *Session, x *exchange, req *blip.Request) error {
		s.role.unsubChanges(x)
		req.Reply(&blip.Message{})
		return nil
	},
	wire.ProfileChanges:         func(_ *Session, x *exchange, req *blip.Request) error { return x.pull.announced(req) },
	wire.ProfileProposeChanges:  func(_ *Session, x *exchange, req *blip.Request) error { return x.pull.announced(req) },
	wire.ProfileRev:             func(s *Session, x *exchange, req *blip.Request) error { return s.receiver.take(x.pull.intake, req) },
	wire.ProfileNoRev:           func(_ *Session, x *exchange, req *blip.Request) error { return x.pull.withdrawn(req) },
	wire.ProfileGetAttachment:   func(s *Session, x *exchange, req *blip.Request) error { return s.blobs.get(x.collection, req) },
	wire.ProfileProveAttachment: func(s *Session, _ *exchange, req *blip.Request) error { return s.blobs.prove(req) },
}

func (s *Session) dispatch(req *blip.Request) error {
	profile := req.Profile()
	switch profile {
	case wire.ProfileGetCollections:
		return s.role.getCollections(req)
	case wire.ProfilePing:
		req.Reply(nil)
		return nil
	}
	handler, ok := handlers[profile]
	switch {
	case !ok && s.common.Mesh.handles(req):
		return nil
	case !ok:
		return fault.New(fault.BLIP, 404, fmt.Sprintf("no handler for profile %q", profile))
	}
	x, err := s.exchangeOf(req)
	if err != nil {
		return err
	}
	return handler(s, x, req)
}

// exchangeOf returns the exchange of the collection that a request names. The first message of a
// passive session selects the form of the conversation: with collections, or without (legacy).
func (s *Session) exchangeOf(req *blip.Request) (*exchange, error) {
	text, given := req.Properties.Get(wire.PropCollection)
	if s.agreed.Load() == nil && !given {
		if err := s.role.beginLegacy(); err != nil {
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
