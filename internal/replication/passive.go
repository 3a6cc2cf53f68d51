package replication

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/store"
)

// host is the role of the passive peer: it answers, and its caller ends it.
type host struct {
	s   *Session
	cfg *Passive

	servesTandem bool // the peer is one of ours
}

// NewPassive returns the session of the peer that accepted the connection.
func NewPassive(pipe blip.Pipe, cfg Passive) *Session {
	s := newSession(pipe, cfg.Common, wire.CloseTryAgain) // 1000 would stop the peer for good
	s.role = &host{s: s, cfg: &cfg}
	s.begun.Store(true)
	return s
}

// lead does nothing: the active peer leads.
func (*host) lead(context.Context) (done bool, err error) { return false, nil }

func (*host) goodbye(asked context.Context) (code int, reason string) {
	var said *Goodbye
	if errors.As(context.Cause(asked), &said) {
		return said.Code, said.Reason
	}
	return wire.CloseLeaving, "the listener has stopped"
}

// getCollections agrees on the collections of the connection and sends the peer its checkpoints. It
// must be the first message about collections.
func (h *host) getCollections(req *blip.Request) error {
	if h.s.agreed.Load() != nil {
		return wire.Malformed("getCollections has to be the first message")
	}
	wanted, err := wire.ParseCollectionsRequest(req.Body)
	if err != nil {
		return err
	}
	_, h.servesTandem = req.Properties.Get(wire.PropUUID)
	if twin, err := h.isTwin(req.Properties); err != nil {
		return err
	} else if twin {
		return h.refuseTwin(req, len(wanted.Collections))
	}
	if err := h.rememberPeer(); err != nil {
		return err
	}
	var mirrors []string
	if h.cfg.Mesh != nil && req.Properties.Bool(wire.PropMirror) {
		mirrors = h.cfg.Mesh.mirrorIDs(h.s.db, wanted.Collections)
	}
	all := make([]*exchange, len(wanted.Collections))
	entries := make([]json.RawMessage, len(all))
	for i, name := range wanted.Collections {
		if all[i] = h.exchange(i, name); all[i] == nil {
			entries[i] = wire.NotShared()
			continue
		}
		all[i].client = wanted.CheckpointIDs[i]
		if mirrors != nil {
			all[i].mirror = mirrors[i]
		}
		body, rev, err := readCheckpoint(h.s.engine, wanted.CheckpointIDs[i])
		if err != nil {
			return err
		}
		if entries[i], err = wire.SharedCheckpoint(body, rev); err != nil {
			return err
		}
	}
	text, err := wire.EncodeCollections(entries)
	if err != nil {
		return err
	}
	h.s.met(req.Properties)
	if err := h.s.dialect.begin(h.s.work, h.s.db); err != nil {
		return err
	}
	h.share(all)
	h.leaveOut(wanted.Collections)
	reply := &blip.Message{Body: text}
	h.s.greets(&reply.Properties)
	if mirrors != nil {
		reply.Properties.Add(wire.PropMirror, strings.Join(mirrors, ","))
	}
	req.Reply(reply)
	return nil
}

// leaveOut tells the member which collections it, or the active peer, shares alone.
func (h *host) leaveOut(wanted []string) {
	if h.cfg.Mesh == nil {
		return
	}
	left := slices.Clone(wanted)
	for _, shared := range h.cfg.Collections {
		if i := slices.Index(left, shared.FullName()); i >= 0 {
			left = slices.Delete(left, i, i+1)
		} else {
			left = append(left, shared.FullName())
		}
	}
	h.cfg.Mesh.leaveOut(left)
}

// rememberPeer gives the peer of a mesh its number in the database.
func (h *host) rememberPeer() error {
	if h.cfg.Mesh == nil {
		return nil
	}
	return h.s.db.Update(h.s.work, func(tx *store.Tx) (err error) {
		h.s.known, err = tx.RemoteFor(h.cfg.Mesh.Remote)
		return err
	})
}

// exchange makes the parts for the collection with this full name. It returns nil if the collection
// is not shared or has been deleted.
func (h *host) exchange(index int, name string) *exchange {
	for _, shared := range h.cfg.Collections {
		if shared.FullName() != name {
			continue
		}
		access := h.cfg.accessTo(shared)
		if access.Denied {
			return nil
		}
		c := newCollection(h.s.engine, index, access.options(shared), noLedger{})
		if c.writeOnly = access.WriteOnly; h.cfg.Access != nil {
			c.blobs = new(blobRights)
		}
		if _, err := c.lastSequence(h.s.work); isNotFound(err) {
			return nil
		}
		return newExchange(c, h.s.receiver, false, func(*wanted) pullSide { return accepting{access.ReadOnly} })
	}
	return nil
}

// share fixes the collections of the session and starts their parts.
func (h *host) share(byIndex []*exchange) {
	h.s.agreeOn(byIndex)
	for _, x := range h.s.all() {
		h.s.spawn(x.pull.run)
	}
}

// beginLegacy starts the form without collections: every message concerns the default collection.
func (h *host) beginLegacy() error {
	x := h.exchange(-1, "_default._default")
	if x == nil {
		return fault.New(fault.HTTP, 404, "the default collection is not shared; ask with getCollections")
	}
	if err := h.s.dialect.begin(h.s.work, h.s.db); err != nil {
		return err
	}
	h.share([]*exchange{x})
	return nil
}

// subChanges starts the feed of our changes to the peer.
func (h *host) subChanges(x *exchange, req *blip.Request) error {
	if x.writeOnly {
		return mayNotRead()
	}
	h.s.met(req.Properties) // a Sync Gateway shows itself here
	wanted := wire.ReadSubscription(req.Properties, req.Body, changesPerBatch)
	if err := h.checkVersioning(cmp.Or(wanted.Versioning, versioningOf(h.cfg.Protocol))); err != nil {
		return err
	}
	if wanted.HasFilter {
		return fault.Unsupported.Says("this peer has no filter %q", wanted.Filter)
	}
	if !x.push.ended() {
		return fault.New(fault.HTTP, 500, "this collection is subscribed to already")
	}
	since, err := strconv.ParseUint(wanted.Since, 10, 64)
	if err != nil {
		since = 0 // the sequence is not ours: send everything
	}
	began := time.Now()
	push := newPusher(x.collection, offering{toGateway: wanted.Gateway, toTandem: h.servesTandem}, pushOptions{
		since:        store.Sequence(since),
		continuous:   wanted.Continuous,
		liveOnly:     wanted.LiveOnly,
		docIDs:       idSet(wanted.DocIDs),
		batch:        wanted.Batch,
		replacements: wanted.Replacements,
		awaitFirst: func(ctx context.Context, patience time.Duration) {
			x.pull.awaitFirst(ctx, began.Add(patience))
		},
	})
	x.push.set(push)
	req.Reply(&blip.Message{})
	h.s.spawn(push.run)
	return nil
}

// versioningOf returns the versioning of a subscriber that does not name it, by the protocol of the
// session. Only a Sync Gateway that replicates with us leaves it out.
func versioningOf(protocol string) string {
	if protocol == CBMobile4 {
		return string(store.VersionVectors)
	}
	return ""
}

// checkVersioning refuses a peer that cannot read our revisions.
func (h *host) checkVersioning(theirs string) error {
	const vectors = string(store.VersionVectors)
	if ours := h.s.versions(); ours != (theirs == vectors) {
		return fault.New(fault.Tandem, 501,
			fmt.Sprintf("this connection has %s, the subscription asks for %q", h.s.versioning(), theirs))
	}
	return nil
}

// unsubChanges ends the feed, if there is one.
func (*host) unsubChanges(x *exchange) { x.push.tell((*pusher).stop) }
