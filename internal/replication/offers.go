package replication

import (
	"context"
	"slices"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/checkpoint"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// answerChanges asks for the announced revisions that we lack.
func (p *puller) answerChanges(ctx context.Context, req *blip.Request) error {
	changes, err := wire.ParseChanges(req.Body, store.MaxBody)
	if err != nil {
		return err
	}
	if len(changes) == 0 {
		p.expect(0, 0)
		p.mu.Lock()
		p.awaiting = false
		p.mu.Unlock()
		req.Reply(&blip.Message{})
		return nil
	}
	if err := p.waitForRoom(ctx); err != nil {
		return err
	}
	p.expect(len(changes), req.Properties.Int(wire.PropRemaining, 0))
	seqs := p.enter(changes)
	var d decision
	err = p.whenFree(ctx, func() (ids []string, err error) {
		d, err = p.decide(ctx, changes)
		return d.wanted(changes), err
	})
	if err != nil {
		return err
	}
	for _, c := range d.unreadable {
		p.side.unreadable(c)
	}
	if len(d.effects) > 0 {
		if err := perform(ctx, p.c, d.effects); err != nil {
			return err
		}
		p.push.goOn()
	}
	if err := p.noteUnsent(ctx, d.known, d.lost); err != nil {
		return err
	}
	p.wanted.register(changes, d.answers, seqs)
	p.reply(req, d.answers)
	return nil
}

// enter adds the peer's sequences to the ledger, in order.
func (p *puller) enter(changes []wire.Change) []*checkpoint.Sequence {
	texts := make([]string, len(changes))
	for i, c := range changes {
		texts[i] = c.Sequence
	}
	return p.c.ledger.addRemote(texts)
}

// decision is the answer to an announcement.
type decision struct {
	answers    []wire.Answer
	known      []news // revisions that we have but have not recorded as the peer's
	effects    []effect
	lost       []wire.Change // documents that the user may no longer see
	unreadable []wire.Change
}

// wanted lists the documents that the peer is asked for.
func (d decision) wanted(changes []wire.Change) (ids []string) {
	for i, a := range d.answers {
		if a.Send {
			ids = append(ids, changes[i].ID)
		}
	}
	return ids
}

// decide answers each change.
func (p *puller) decide(ctx context.Context, changes []wire.Change) (d decision, err error) {
	ids := make([]string, len(changes))
	for i, c := range changes {
		ids[i] = c.ID
	}
	heads, err := p.heads(ctx, ids)
	if err != nil {
		return d, err
	}
	d.answers = make([]wire.Answer, len(changes))
	for i, c := range changes {
		head := heads[i]
		if c.Lost() {
			d.lost = append(d.lost, c)
			continue
		}
		if c.Bad == nil && c.Rev.ID.IsVersion() && !p.c.s.versions() {
			c.Bad = fault.BadRevisionID.Says("the version %s is none for a database of revision trees", c.Rev.ID)
		}
		if c.Bad != nil {
			d.answers[i] = wire.Answer{Status: 400}
			d.unreadable = append(d.unreadable, c)
			continue
		}
		var r ruling
		d.answers[i], r = p.want(head, c)
		d.effects = r.effectOn(d.effects, head)
		if !d.answers[i].Send && d.answers[i].Status == 0 && p.isNews(head, c) {
			d.known = append(d.known, news{c, p.c.s.tells(head.Rev).ID})
		}
	}
	return d, nil
}

// isNews reports whether the announcement contradicts our record of the peer's revision. An
// announcement of a document that this session has pushed is usually older than the push. Once we
// are caught up, though, it may be the outcome of a conflict that the peer decided against our
// push.
func (p *puller) isNews(head *store.Document, c wire.Change) bool {
	known := head.Known(p.c.s.remote)
	return p.c.s.remote != 0 && !known.Is(p.c.s.stored(c.Rev.ID)) &&
		(!p.c.ledger.isNew(head.Sequence) || p.isCaughtUp() && head.Rev.MayHaveBeaten(c.Rev.ID))
}

// want answers one change, given the local document or nil.
func (p *puller) want(head *store.Document, c wire.Change) (wire.Answer, ruling) {
	if head == nil {
		return wire.Answer{Send: true}, ruling{}
	}
	remote := head.Known(p.c.s.remote)
	if head.Conflicted && p.c.s.remote != 0 && remote.Is(p.c.s.stored(c.Rev.ID)) {
		return wire.Answer{}, ruling{} // received before; the resolver has it
	}
	r := p.c.s.wants(head, remote, c)
	switch r.order {
	case revision.Same, revision.Older:
		return wire.Answer{}, r
	case revision.Conflict:
		if p.side.refusesConflicts() {
			return wire.Answer{Status: 409}, r
		}
	case revision.Newer:
	}
	if r.known == nil {
		r.known = p.ancestors(head, remote, c.Rev.ID)
	}
	return wire.Answer{Send: true, Known: r.known}, r
}

// ancestors lists revisions of the document at which its history may end, or on which a delta may
// build.
func (p *puller) ancestors(head *store.Document, remote, announced revision.ID) []revision.ID {
	candidates := []revision.ID{head.Rev.ID}
	if head.Deleted && p.c.s.common.Deltas {
		candidates = nil
	}
	if remote != "" {
		candidates = append(candidates, remote)
	}
	// Sync Gateway accepts at most one tree revision besides a version.
	if !p.c.s.common.Deltas && head.Rev.ID.IsTree() && announced.IsTree() {
		candidates = append(candidates, head.Rev.History.Ancestors...)
	}
	known := make([]revision.ID, 0, 2)
	for _, id := range candidates {
		older := !id.IsTree() || !announced.IsTree() || id.Generation() < announced.Generation()
		if older && !slices.Contains(known, id) && len(known) < wire.MaxKnown {
			known = append(known, id)
		}
	}
	return known
}

// noteUnsent records what the changes show without any transfer of revisions.
func (p *puller) noteUnsent(ctx context.Context, known []news, lost []wire.Change) error {
	if len(known) > 0 {
		err := p.c.s.db.Update(ctx, func(tx *store.Tx) error {
			for _, c := range known {
				if err := tx.MarkKnown(p.c.store(), c.ID, p.c.s.remote, c.Rev.ID); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for _, c := range known { // a peer that has lost or rejected our revision gets it again
		p.push.peerHas(c)
	}
	for _, c := range lost {
		if err := p.side.loseAccess(ctx, c.ID, nil); err != nil {
			return err
		}
	}
	return nil
}
