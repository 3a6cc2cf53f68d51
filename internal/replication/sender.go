package replication

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/delta"
	"github.com/tandemdb/tandem/internal/document"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// sendBytes and sendRevs bound the bodies that are read at a time.
const (
	sendBytes = 1 << 20
	sendRevs  = 200
)

// send sends revisions that the peer wants, as far as the window allows, and reports
// whether it sent any.
func (p *pusher) send(ctx context.Context) (bool, error) {
	var chunk []*item
	bytes := 0
	for len(p.ready) > 0 && len(chunk) < sendRevs && bytes < sendBytes &&
		p.unreplied+bytes < revBytesAwaiting && p.inFlight+len(chunk) < revsAwaiting {
		chunk = append(chunk, p.ready[0])
		bytes += p.ready[0].size
		p.ready = p.ready[1:]
	}
	if len(chunk) == 0 {
		return false, nil
	}
	messages := make([]*blip.Message, len(chunk))
	err := p.c.s.db.View(ctx, func(tx *store.Tx) error {
		docs, err := tx.BySequence(p.c.store(), sequencesOf(chunk))
		if err != nil {
			return err
		}
		for i, it := range chunk {
			if messages[i], err = p.compose(tx, it, docs[i]); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return false, err
	}
	for i, it := range chunk {
		if err := p.sendOne(it, messages[i]); err != nil {
			return false, err
		}
	}
	return true, nil
}

func sequencesOf(items []*item) []store.Sequence {
	seqs := make([]store.Sequence, len(items))
	for i, it := range items {
		seqs[i] = it.seq
	}
	return seqs
}

// sendOne sends a rev and awaits its reply, or a norev, which has none.
func (p *pusher) sendOne(it *item, m *blip.Message) error {
	if m.NoReply {
		p.obsolete(it)
		return p.c.s.send(m, nil)
	}
	it.state = sent
	it.weight = len(m.Body)
	p.unreplied += it.weight
	p.inFlight++
	_, isDelta := m.Properties.Get(wire.PropDeltaSrc)
	return p.c.s.send(m, func(_ *blip.Reply, err error) {
		p.inbox.put(func() error {
			p.replied(it, isDelta, err)
			return nil
		})
	})
}

// compose makes the rev message for an item; doc is the document at its sequence, nil if
// that was replaced since. It makes a norev where nothing can be sent.
func (p *pusher) compose(tx *store.Tx, it *item, doc *store.Document) (*blip.Message, error) {
	if doc == nil || doc.Rev.ID != it.rev.ID {
		newer, err := tx.Document(p.c.store(), it.id)
		switch {
		case isNotFound(err):
			return p.noRev(it, 404, "the document was purged"), nil
		case err != nil:
			return nil, err
		case !p.peer.replacements || newer.Conflicted || !newer.Rev.Contains(it.rev.ID):
			return p.noRev(it, 410, "the document was changed"), nil
		}
		doc = newer
	}
	if !p.opts.proposes && it.parent == doc.Rev.ID {
		return p.noRev(it, 410, "it came in place of an earlier revision"), nil
	}
	it.rev, it.deleted = doc.Rev, doc.Deleted
	if document.HasEncryptable(doc.Body) {
		return p.refuseToSend(it, fault.Crypto.In("push", it.id).Says("it has a property to be encrypted").
			Try("encrypt the property itself: there is no encryption of properties here")), nil
	}
	m := p.c.message(wire.ProfileRev)
	m.Compress = true
	m.Properties.Add(wire.PropID, it.id)
	m.Properties.Add(wire.PropRev, string(it.rev.ID))
	m.Properties.Add(wire.PropSequence, strconv.FormatUint(uint64(it.seq), 10))
	if it.deleted {
		m.Properties.Add(wire.PropDeleted, "1")
	}
	history, err := p.history(tx, it)
	if err != nil {
		return nil, err
	}
	if history != "" {
		m.Properties.Add(wire.PropHistory, history)
	}
	switch branch := it.deletedBranch(); {
	case branch != "":
		m.Properties.Add(wire.PropDeletedBranch, branch)
	case p.opts.proposes:
		m.Properties.Add(wire.PropNoConflicts, wire.Yes)
	}
	if superseded := it.rev.History.Superseded; len(superseded) > 0 {
		m.Properties.Add(wire.PropSuperseded, revision.JoinIDs(superseded))
	}
	if it.rev.ID != it.asked {
		m.Properties.Add(wire.PropReplacedRev, string(it.asked))
	}
	return m, p.putBody(tx, m, it, doc)
}

// refuseToSend reports why a revision stays here for good, and makes the norev for it.
func (p *pusher) refuseToSend(it *item, err error) *blip.Message {
	p.c.report(DocumentEvent{ID: it.id, Revision: string(it.rev.ID), Push: true, Deleted: it.deleted, Err: err})
	return p.noRev(it, 403, "the document stays here")
}

// deletedBranch tells a peer with trees that our revision replaces the one it has on another
// branch; "" where ours descends from it.
func (it *item) deletedBranch() string {
	if branch := it.rev.DeletedBranch(it.parent); branch != "" {
		return branch
	}
	for _, id := range it.known {
		if branch := it.rev.DeletedBranch(id); branch != "" {
			return branch
		}
	}
	return ""
}

func (it *item) peerHas(id revision.ID) bool {
	return id == it.parent || slices.Contains(it.known, id)
}

func (p *pusher) noRev(it *item, status int, reason string) *blip.Message {
	m := p.c.message(wire.ProfileNoRev)
	m.NoReply = true
	m.Properties.Add(wire.PropID, it.id)
	m.Properties.Add(wire.PropRev, string(it.asked))
	m.Properties.Add(wire.PropSequence, strconv.FormatUint(uint64(it.seq), 10))
	m.Properties.Add(wire.PropError, strconv.Itoa(status))
	m.Properties.Add(wire.PropReason, reason)
	return m
}

// putBody puts the body into the message: as a delta where that is possible and shorter.
func (p *pusher) putBody(tx *store.Tx, m *blip.Message, it *item, doc *store.Document) error {
	body, err := p.wireBody(doc.Body, it.rev.ID, doc.HasBlobs)
	if err != nil {
		return err
	}
	m.Body = body
	if !p.peer.deltas || !p.c.s.common.Deltas || it.whole || it.deleted || len(body) < delta.MinBody {
		return nil
	}
	base, old, err := p.deltaBase(tx, it)
	if err != nil || base == "" {
		return err
	}
	if old, err = p.wireBody(old, base, true); err != nil {
		return err
	}
	diff, err := delta.Diff(old, body)
	if err != nil || len(diff) >= len(body) {
		return nil //nolint:nilerr // a delta is only a saving; without one the body goes whole
	}
	m.Properties.Add(wire.PropDeltaSrc, string(base))
	m.Body = diff
	p.c.counters.deltasSent.Add(1)
	it.saved = len(body) - len(diff)
	return nil
}

// deltaBase finds a revision whose body we and the peer both have; "" if there is none.
func (p *pusher) deltaBase(tx *store.Tx, it *item) (revision.ID, []byte, error) {
	candidates := it.known
	if it.parent != "" {
		candidates = append([]revision.ID{it.parent}, candidates...)
	}
	for _, id := range candidates {
		if id == it.rev.ID {
			continue
		}
		body, err := tx.BodyOf(p.c.store(), it.id, id)
		switch {
		case isNotFound(err):
			continue
		case err != nil:
			return "", nil, err
		case len(body) > len("{}"):
			return id, body, nil
		}
	}
	return "", nil, nil
}

// wireBody is the body as this peer understands it (spec/documents.md §4).
func (p *pusher) wireBody(body []byte, rev revision.ID, hasBlobs bool) ([]byte, error) {
	if p.peer.blobs || !hasBlobs {
		return body, nil
	}
	return document.WithAttachments(body, rev.Generation())
}

// replied takes the peer's reply to a rev (spec/replication.md §8).
func (p *pusher) replied(it *item, isDelta bool, err error) {
	p.unreplied -= it.weight
	p.inFlight--
	if ended(err) {
		return
	}
	early := wire.IsTooEarly(err)
	err = wire.FromPeer(err)
	switch {
	case err == nil:
		p.c.counters.pushBytes.Add(uint64(it.weight))
		p.c.counters.deltaSaved.Add(uint64(it.saved))
		it.taken = true
		p.settle(it)
	case isDelta && wire.IsDeltaRefusal(err):
		p.c.counters.deltasRefused.Add(1)
		it.whole, it.saved, it.state = true, 0, ready
		p.ready = append([]*item{it}, p.ready...)
	case early && it.rev.ID.IsVersion():
		p.postponeForTime(it, err)
	case fault.HasCode(err, fault.WebSocket, 403) && p.opts.proposes && !it.refused:
		it.refused, it.state = true, offered // another document of this push may open the door
		p.lastTries = append(p.lastTries, it)
	case isDelta && !fault.IsTransient(err): // it expects no other revision now: from the start, whole
		p.c.counters.deltasRefused.Add(1)
		it.whole, it.state = true, offered
		p.proposals = append(p.proposals, it)
	case isConflict(err):
		p.hold(it, errors.Join(fault.RemoteConflict.In("push", it.id), err))
	case fault.IsTransient(err):
		p.postpone(it, err)
	default:
		p.done(it, err)
	}
}

// ended reports whether a request has failed with its connection, which tells why itself.
func ended(err error) bool {
	var refusal *blip.Error
	return err != nil && !errors.As(err, &refusal)
}

// postpone leaves a revision for the next session: its sequence stays pending.
func (p *pusher) postpone(it *item, err error) {
	p.c.report(DocumentEvent{ID: it.id, Push: true, Deleted: it.deleted, Err: err, Transient: true})
	p.c.s.leave(err)
	p.countLeft(it)
	p.release(it)
}

// postponeForTime leaves a version for a later session, because the peer's clock is behind. That passes without
// another attempt to connect, so the session goes on.
func (p *pusher) postponeForTime(it *item, err error) {
	p.c.report(DocumentEvent{
		ID: it.id, Revision: string(it.rev.ID), Push: true, Deleted: it.deleted, Err: err, Transient: true,
	})
	p.c.ahead.offerAgain(time.Now())
	p.countLeft(it)
	p.release(it)
}
