package replication

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/store"
)

// collectionsRequest is the body of getCollections (spec/replication.md §2).
type collectionsRequest struct {
	CheckpointIDs []string `json:"checkpoint_ids"`
	Collections   []string `json:"collections"`
}

func (r collectionsRequest) check() error {
	seen := make(map[string]bool, len(r.Collections))
	for _, name := range r.Collections {
		if seen[fullName(name)] {
			return wire.Malformed("collection %q is named twice", name)
		}
		seen[fullName(name)] = true
	}
	switch {
	case len(r.Collections) == 0:
		return wire.Malformed("getCollections names no collection")
	case len(r.Collections) != len(r.CheckpointIDs):
		return wire.Malformed("getCollections has %d collections and %d checkpoint IDs",
			len(r.Collections), len(r.CheckpointIDs))
	}
	return nil
}

// getCollections agrees on the collections of the connection and gives the peer its
// checkpoints. Only a passive peer that has agreed on nothing yet answers it.
func (s *Session) getCollections(req *blip.Request) error {
	if s.shared == nil {
		return fault.New(fault.BLIP, 404, "the active peer has no collections to offer")
	}
	if s.agreed.Load() != nil {
		return wire.Malformed("getCollections has to be the first message")
	}
	var body collectionsRequest
	if err := json.Unmarshal(req.Body, &body); err != nil {
		return wire.NotJSON(err)
	}
	if err := body.check(); err != nil {
		return err
	}
	all := make([]*collection, len(body.Collections))
	reply := make([]json.RawMessage, len(all))
	for i, name := range body.Collections {
		all[i] = s.sharedCollection(i, name)
		reply[i] = json.RawMessage("null")
		if all[i] == nil {
			continue
		}
		checkpoint, err := s.checkpointBeside(body.CheckpointIDs[i])
		if err != nil {
			return err
		}
		reply[i] = checkpoint
	}
	text, err := json.Marshal(reply)
	if err != nil {
		return fault.Unexpected.Because(err)
	}
	s.share(all)
	req.Reply(&blip.Message{Body: text})
	return nil
}

// sharedCollection returns the state for the collection of that name, or nil if it is not
// shared, or was deleted since.
func (s *Session) sharedCollection(index int, name string) *collection {
	for _, shared := range s.shared.Collections {
		if shared.FullName() == fullName(name) {
			c := s.newCollection(index, CollectionOptions{Collection: shared})
			if _, err := c.lastSequence(s.work); isNotFound(err) {
				return nil
			}
			return c
		}
	}
	return nil
}

// fullName is a collection's name with its scope, which peers leave out where it is the default.
func fullName(name string) string {
	if strings.Contains(name, ".") {
		return name
	}
	return "_default." + name
}

// share fixes the collections of the session and starts what works on them.
func (s *Session) share(byIndex []*collection) {
	s.agreeOn(byIndex)
	for _, c := range s.all() {
		s.spawn(c.pull.run)
	}
}

// beginLegacy starts the form without collections: everything is about the default one.
func (s *Session) beginLegacy() error {
	c := s.sharedCollection(-1, "_default")
	if c == nil {
		return fault.New(fault.BLIP, 400, "the default collection is not shared; ask with getCollections")
	}
	s.share([]*collection{c})
	return nil
}

// checkpointBeside returns the peer's checkpoint as getCollections carries it: with its
// revision under both names in use.
func (s *Session) checkpointBeside(client string) (json.RawMessage, error) {
	body, rev, err := s.readCheckpoint(client)
	if err != nil || body == nil {
		return json.RawMessage("{}"), err
	}
	var members map[string]json.RawMessage
	if err := json.Unmarshal(body, &members); err != nil || members == nil {
		members = make(map[string]json.RawMessage) // the peer's own business; the revision is ours
	}
	quoted, err := json.Marshal(rev)
	if err != nil {
		return nil, fault.Unexpected.Because(err)
	}
	members["rev"], members["_rev"] = quoted, quoted
	return json.Marshal(members)
}

func (s *Session) readCheckpoint(client string) (body []byte, rev string, err error) {
	err = s.db.View(s.work, func(tx *store.Tx) error {
		var ok bool
		rev, body, ok, err = tx.PeerCheckpoint(client)
		if !ok {
			body = nil
		}
		return err
	})
	return body, rev, err
}

// getCheckpoint answers with the peer's checkpoint.
func (c *collection) getCheckpoint(req *blip.Request) error {
	client := req.Properties.Value(wire.PropClient)
	if client == "" {
		return wire.Malformed("getCheckpoint names no client")
	}
	body, rev, err := c.s.readCheckpoint(client)
	if err != nil {
		return err
	}
	if body == nil {
		return fault.New(fault.HTTP, 404, "no checkpoint of that client")
	}
	reply := &blip.Message{Body: body}
	reply.Properties.Add(wire.PropRev, rev)
	req.Reply(reply)
	return nil
}

// setCheckpoint stores the peer's checkpoint. The reply waits until it, and with it
// everything it vouches for, is safely on disk.
func (c *collection) setCheckpoint(req *blip.Request) error {
	client := req.Properties.Value(wire.PropClient)
	if client == "" {
		return wire.Malformed("setCheckpoint names no client")
	}
	c.s.later(func(ctx context.Context) {
		var rev string
		err := c.s.db.UpdateDurable(ctx, func(tx *store.Tx) (err error) {
			rev, err = tx.SetPeerCheckpoint(client, req.Properties.Value(wire.PropRev), req.Body)
			return err
		})
		switch {
		case isConflict(err):
			req.ReplyError(string(fault.HTTP), 409, "the checkpoint has another revision")
		case err != nil:
			c.s.log.Warn("storing a peer's checkpoint", "error", err)
			req.ReplyError(string(fault.HTTP), 502, "the checkpoint could not be stored")
		default:
			reply := &blip.Message{}
			reply.Properties.Add(wire.PropRev, rev)
			req.Reply(reply)
		}
	})
	return nil
}

// subChanges starts the feed of our changes to the peer (spec/replication.md §5).
func (c *collection) subChanges(req *blip.Request) error {
	s := c.s
	if s.shared == nil {
		return fault.New(fault.Tandem, 501, "an active peer takes no subscriptions")
	}
	if err := c.checkVersioning(req.Properties.Value(wire.PropVersioning)); err != nil {
		return err
	}
	if filter, given := req.Properties.Get(wire.PropFilter); given {
		return fault.Unsupported.Says("this peer has no filter %q", filter)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.push != nil && !c.push.ended() {
		return fault.New(fault.HTTP, 500, "this collection is subscribed to already")
	}
	since, err := strconv.ParseUint(strings.Trim(req.Properties.Value(wire.PropSince), `"`), 10, 64)
	if err != nil {
		since = 0 // not a sequence of ours: all of it, then
	}
	c.push = newPusher(c, pushOptions{
		since:      store.Sequence(since),
		continuous: req.Properties.Bool(wire.PropContinuous),
		liveOnly:   req.Properties.Bool(wire.PropActiveOnly),
		docIDs:     subscribedIDs(req.Body),
		batch:      req.Properties.Int(wire.PropBatch, changesPerBatch),

		replacements: req.Properties.Bool(wire.PropSendReplacement),
	})
	req.Reply(&blip.Message{})
	s.spawn(c.push.run)
	return nil
}

// checkVersioning refuses a peer that could not read our revisions.
func (c *collection) checkVersioning(theirs string) error {
	const vectors = string(store.VersionVectors)
	if ours := c.s.vectors(); ours != (theirs == vectors) {
		return fault.New(fault.Tandem, 501,
			fmt.Sprintf("this database has %s, the subscription asks for %q", c.s.db.Versioning(), theirs))
	}
	return nil
}

// subscribedIDs reads the IDs that a subscription is limited to; nil means all documents.
func subscribedIDs(body []byte) map[string]bool {
	var wanted struct {
		DocIDs []string `json:"docIDs"`
	}
	if len(body) == 0 || json.Unmarshal(body, &wanted) != nil || wanted.DocIDs == nil {
		return nil
	}
	return idSet(wanted.DocIDs)
}

func idSet(ids []string) map[string]bool {
	if ids == nil {
		return nil
	}
	set := make(map[string]bool, len(ids))
	for _, id := range ids {
		if document.CheckIncomingID(id) == nil {
			set[id] = true
		}
	}
	return set
}

// unsubChanges ends the feed; that none runs is no error.
func (c *collection) unsubChanges(req *blip.Request) error {
	c.mu.Lock()
	push := c.push
	c.mu.Unlock()
	if push != nil && c.s.shared != nil {
		push.stop()
	}
	req.Reply(&blip.Message{})
	return nil
}
