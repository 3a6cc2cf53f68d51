package replication

import (
	"errors"
	"fmt"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/outbox"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// pushSide is what differs between the pushes of both roles: [proposing] is that of the active peer, [offering]
// that of the passive one.
type pushSide interface {
	role(opts pushOptions) outbox.Role

	// announcement begins an announcement, to which appendEntry adds the items.
	announcement(c *collection) *blip.Message
	appendEntry(body []byte, it *outbox.Item) []byte

	// accepted is told of the first announcement that the peer has answered.
	accepted(c *collection)

	// refusal judges the refusal of a whole announcement: whether the peer refuses whatever is pushed, which
	// ends the push, or the session if an error is returned. Otherwise one item may be the reason.
	refusal(c *collection, err error) (refusesAll bool, fatal error)

	// withheld reports why the document must not be sent for the item, nil if it may.
	withheld(it *outbox.Item, doc *store.Document) *withheld

	// addTo adds the properties of a rev that are the side's own.
	addTo(m *blip.Message)
}

// withheld is why a revision that the peer wants does not go.
type withheld struct {
	status int // for the peer
	reason string
	err    error // for the user; nil if there is nothing to be told
}

// pushOptions says what to send.
type pushOptions struct {
	since        store.Sequence
	continuous   bool
	liveOnly     bool            // no tombstones of before the subscription
	docIDs       map[string]bool // nil means all documents
	batch        int64           // changes in one message
	replacements bool            // the peer takes a newer revision in place of the one it asked for
}

// proposing pushes what the peer may refuse for a revision of its own. Its checkpoint says how far it is.
type proposing struct{ pulls bool }

func (s proposing) role(pushOptions) outbox.Role { return outbox.Proposes{Pulls: s.pulls} }
func (proposing) accepted(c *collection)         { c.refusals.forgetAll() }

func (proposing) announcement(c *collection) *blip.Message {
	m := c.message(wire.ProfileProposeChanges)
	m.Properties.Add(wire.PropConflictRev, wire.Yes)
	return m
}

func (proposing) appendEntry(body []byte, it *outbox.Item) []byte {
	return wire.AppendProposal(body, it.ID, it.Rev.Vector(), parentOf(it.Rev.ID, it.Parent), it.Size)
}

// parentOf returns the parent to propose rev with, for a peer that has known. What the peer has already is
// proposed without one: a Sync Gateway that is told to have it asks for it again over the fourth protocol.
func parentOf(rev, known revision.ID) revision.ID {
	if known.Is(rev) {
		return ""
	}
	return known
}

func (proposing) refusal(c *collection, err error) (refusesAll bool, fatal error) {
	if errors.Is(err, fault.Remote) {
		return false, nil
	}
	if !fault.IsTransient(err) {
		c.refusals.rememberAll(err)
	}
	return true, fmt.Errorf("push %s: %w", c.store().FullName(), err)
}

func (proposing) withheld(*outbox.Item, *store.Document) *withheld { return nil }

func (proposing) addTo(m *blip.Message) { m.Properties.Add(wire.PropNoConflicts, wire.Yes) }

// offering pushes what a subscriber has asked for. toGateway says that it is a Sync Gateway.
type offering struct{ toGateway bool }

func (offering) role(opts pushOptions) outbox.Role { return outbox.Offers{Continuous: opts.continuous} }
func (offering) accepted(*collection)              {}

func (s offering) announcement(c *collection) *blip.Message {
	m := c.message(wire.ProfileChanges)
	if s.toGateway {
		m.Properties.Add(wire.PropIgnoreConflicts, wire.Yes) // or it wants to be proposed to
	}
	return m
}

func (offering) appendEntry(body []byte, it *outbox.Item) []byte {
	return wire.AppendChange(body, uint64(it.Sequence), it.ID, it.Rev.ID, it.Deleted, it.Size)
}

func (offering) refusal(c *collection, err error) (refusesAll bool, fatal error) {
	refusesAll = fault.HasCode(err, fault.WebSocket, 403) || fault.HasCode(err, fault.WebSocket, 409)
	if refusesAll {
		c.s.log.Warn("the peer refuses our changes", "error", err)
	}
	return refusesAll, nil
}

func (offering) withheld(it *outbox.Item, doc *store.Document) *withheld {
	if it.Parent == doc.Rev.ID {
		return &withheld{410, "it came in place of an earlier revision", nil}
	}
	return nil
}

func (offering) addTo(*blip.Message) {}
