package replication

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/outbox"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// pushSide is the part of a push that depends on the role: [proposing] for the active peer,
// [offering] for the passive one.
type pushSide interface {
	role(opts pushOptions) outbox.Role

	// announcement begins an announcement. appendEntry adds the items.
	announcement(c *collection) *blip.Message
	appendEntry(body []byte, it *outbox.Item) []byte

	// foretell adds to an announcement how many changes follow it.
	foretell(m *blip.Message, remaining uint64)

	// accepted is called when the peer has answered the first announcement.
	accepted(c *collection)

	// refusal judges the refusal of a whole announcement. refusesAll means that the peer refuses
	// every push, which ends the push; fatal also ends the session. Otherwise a single item may be
	// the cause.
	refusal(c *collection, err error) (refusesAll bool, fatal error)

	// checkProtocol returns an error if the peer turns out not to speak the protocol that it has accepted.
	checkProtocol(ctx context.Context, batch []*outbox.Item, answers []wire.Answer) error

	// withheld returns why a revision must not be sent, or nil if it may.
	withheld(it *outbox.Item, rev revision.ID) *withheld

	// stays is called when the peer wants a document but does not get it because of err.
	stays(c *collection, it *outbox.Item, err error)

	// addTo adds the role's properties to a rev.
	addTo(m *blip.Message)
}

// withheld is the reason why a revision is not sent although the peer wants it.
type withheld struct {
	status int // for the peer
	reason string
	err    error // for the user; nil if the user need not know
}

// pushOptions selects the changes to push and how to send them.
type pushOptions struct {
	since        store.Sequence
	continuous   bool
	liveOnly     bool            // skip tombstones from before the subscription
	docIDs       map[string]bool // nil means all documents
	batch        int64           // changes in one message
	replacements bool            // the peer accepts a newer revision than it asked for

	// awaitFirst waits until a client has pushed, or until a while after the subscription: see holdBack and
	// answersLater. It is nil if no document has to wait.
	awaitFirst func(ctx context.Context, patience time.Duration)

	// saysNothing makes the push tell a peer, once, that it has nothing to propose: the peer may wait for that.
	saysNothing bool
}

// proposing pushes revisions that the peer may refuse as conflicting. The checkpoint tracks them.
type proposing struct {
	pulls        bool
	acquaintance *Acquaintance // nil for none
}

func (s proposing) role(pushOptions) outbox.Role { return outbox.Proposes{Pulls: s.pulls} }
func (proposing) accepted(c *collection)         { c.refusals.forgetAll() }

func (proposing) announcement(c *collection) *blip.Message {
	m := c.message(wire.ProfileProposeChanges)
	m.Properties.Add(wire.PropConflictRev, wire.Yes)
	return m
}

func (proposing) appendEntry(body []byte, it *outbox.Item) []byte {
	return wire.AppendProposal(body, it.ID, it.Rev.Vector(), parentOf(it.Rev.ID, it.Parent), it.Size, it.Tree)
}

func (proposing) foretell(*blip.Message, uint64) {}

// parentOf returns the parent for a proposal of rev to a peer that has known. It returns "" if the
// peer has rev already: with the fourth protocol, Sync Gateway asks again for a revision whose
// parent is the revision itself.
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

// checkProtocol looks for a peer that knows nothing of versions: it refuses each.
func (s proposing) checkProtocol(ctx context.Context, batch []*outbox.Item, answers []wire.Answer) error {
	for i, it := range batch {
		if !it.Rev.ID.IsVersion() || answers[i].Status != 400 {
			s.acquaintance.isSound()
			return nil
		}
	}
	mistaken, err := s.acquaintance.isMistaken(ctx)
	if mistaken && err == nil {
		err = ErrSpeaksTrees
	}
	return err
}

func (proposing) withheld(*outbox.Item, revision.ID) *withheld { return nil }

// stays does nothing: the document's event carries the error.
func (proposing) stays(*collection, *outbox.Item, error) {}

func (proposing) addTo(m *blip.Message) { m.Properties.Add(wire.PropNoConflicts, wire.Yes) }

// offering pushes the changes to which the peer has subscribed. toGateway means that the peer is a
// Sync Gateway, toTandem that it is one of ours.
type offering struct{ toGateway, toTandem bool }

func (offering) role(opts pushOptions) outbox.Role { return outbox.Offers{Continuous: opts.continuous} }
func (offering) accepted(*collection)              {}

// foretell tells peers that are known to understand, or to overlook, the property.
func (s offering) foretell(m *blip.Message, remaining uint64) {
	if s.toTandem {
		m.Properties.Add(wire.PropRemaining, strconv.FormatUint(remaining, 10))
	}
}

func (s offering) announcement(c *collection) *blip.Message {
	m := c.message(wire.ProfileChanges)
	if s.toGateway {
		m.Properties.Add(wire.PropIgnoreConflicts, wire.Yes) // without this, the peer expects proposals
	}
	return m
}

func (offering) appendEntry(body []byte, it *outbox.Item) []byte {
	return wire.AppendChange(body, uint64(it.Sequence), it.ID, it.Rev.ID, it.Deleted, it.Size, it.Tree)
}

func (offering) refusal(c *collection, err error) (refusesAll bool, fatal error) {
	refusesAll = fault.HasCode(err, fault.WebSocket, 403) || fault.HasCode(err, fault.WebSocket, 409)
	if refusesAll {
		c.s.log.Warn("the peer refuses our changes", "error", err)
	}
	return refusesAll, nil
}

func (offering) checkProtocol(context.Context, []*outbox.Item, []wire.Answer) error { return nil }

func (offering) withheld(it *outbox.Item, rev revision.ID) *withheld {
	if it.Parent == rev {
		return &withheld{410, "it came in place of an earlier revision", nil}
	}
	return nil
}

// stays warns the operator. A passive peer reports no events, and the receiver of a norev counts
// the document as done.
func (offering) stays(c *collection, it *outbox.Item, err error) {
	c.s.log.Warn("a document stays here", "collection", c.store().FullName(), "document", it.ID, "error", err)
}

func (offering) addTo(*blip.Message) {}
