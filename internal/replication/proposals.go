package replication

import (
	"context"

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
	answers := make([]wire.Answer, len(proposals))
	err = p.whenFree(ctx, func() (accepted []string, err error) {
		heads, err := p.heads(ctx, ids)
		if err != nil {
			return nil, err
		}
		for i, proposal := range proposals {
			if answers[i] = p.judge(heads[i], proposal, tellRev); answers[i].Status == 0 {
				accepted = append(accepted, proposal.ID)
			}
		}
		return accepted, nil
	})
	if err != nil {
		return err
	}
	if err := p.c.noteProposed(ctx, proposals, answers); err != nil {
		return err
	}
	p.reply(req, answers)
	return nil
}

func (p *puller) judge(head *store.Document, proposal wire.Proposal, tellRev bool) wire.Answer {
	var current revision.Rev
	deleted := false
	if head != nil {
		current, deleted = head.Rev, head.Deleted
	}
	if proposal.Bad != nil || proposal.Rev.ID.IsVersion() && !p.c.s.vectors() {
		return wire.Answer{Status: 400}
	}
	status := revision.Proposal(current, deleted, proposal.Rev, proposal.Parent)
	a := wire.Answer{Status: status}
	if status == revision.Refuse && tellRev {
		a.Rev, a.HasRev = current.Vector(), true
	}
	return a
}
