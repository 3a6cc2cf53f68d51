package replication

import (
	"context"
	"slices"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// answerProposals says which of the proposed revisions we accept.
func (p *puller) answerProposals(ctx context.Context, req *blip.Request) error {
	proposals, err := wire.ParseProposals(req.Body)
	if err != nil {
		return err
	}
	if len(proposals) == 0 {
		req.Reply(&blip.Message{})
		return nil
	}
	if err := p.waitForRoom(ctx); err != nil {
		return err
	}
	ids := make([]string, len(proposals))
	for i, proposal := range proposals {
		ids[i] = proposal.ID
	}
	tellRev := req.Properties.Bool(wire.PropConflictRev)
	var v verdict
	err = p.whenFree(ctx, func() (accepted []string, err error) {
		v, err = p.judgeAll(ctx, ids, proposals, tellRev)
		return v.accepted, err
	})
	if err != nil {
		return err
	}
	if len(v.effects) > 0 {
		if err := perform(ctx, p.c, v.effects); err != nil {
			return err
		}
		p.push.goOn()
		if v.renewed() {
			if v, err = p.judgeAll(ctx, ids, proposals, tellRev); err != nil { // the answers name the new versions
				return err
			}
		}
	}
	if err := p.c.noteProposed(ctx, proposals, v.answers); err != nil {
		return err
	}
	if p.c.s.tellsAgain() {
		p.parents.note(proposals, v.answers)
	}
	p.reply(req, v.answers)
	for _, id := range v.refused {
		p.push.remind(id)
	}
	return nil
}

// verdict is the answer to a proposeChanges message.
type verdict struct {
	answers  []wire.Answer
	accepted []string
	effects  []effect
	refused  []string // in a database of both generations: the client hears of our revisions once more
}

// renewed reports whether the effects make new versions.
func (v verdict) renewed() bool {
	return slices.ContainsFunc(v.effects, func(e effect) bool { return e.renew })
}

func (p *puller) judgeAll(ctx context.Context, ids []string, proposals []wire.Proposal, tellRev bool) (v verdict, err error) {
	heads, err := p.heads(ctx, ids)
	if err != nil {
		return v, err
	}
	v.answers = make([]wire.Answer, len(proposals))
	for i, proposal := range proposals {
		var r ruling
		v.answers[i], r = p.judge(heads[i], proposal, tellRev)
		v.effects = r.effectOn(v.effects, heads[i])
		switch {
		case v.answers[i].Status == revision.Accept:
			v.accepted = append(v.accepted, proposal.ID)
		case v.answers[i].Status == revision.Refuse && p.c.s.tellsAgain():
			v.refused = append(v.refused, proposal.ID)
		}
	}
	return v, nil
}

func (p *puller) judge(head *store.Document, proposal wire.Proposal, tellRev bool) (wire.Answer, ruling) {
	if proposal.Bad != nil || proposal.Rev.ID.IsVersion() && !p.c.s.versions() {
		return wire.Answer{Status: 400}, ruling{}
	}
	r := p.c.s.judges(head, proposal)
	a := wire.Answer{Status: r.status}
	if r.status == revision.Refuse && tellRev {
		a.Rev, a.HasRev = r.current.Vector(), true
	}
	return a, r
}
