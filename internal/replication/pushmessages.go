package replication

import (
	"context"
	"errors"
	"time"

	"github.com/tandemdb/tandem/blip"
	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/outbox"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
)

// say sends a message, unless the push was stopped: the peer that has stopped it may have begun another one,
// and would take the message for a part of that.
func (p *pusher) say(m *blip.Message, replied func(*blip.Reply, error)) error {
	return p.unlessStopped(func() error { return p.c.s.send(m, replied) })
}

// usualEntry is about the length of an entry of an announcement, in bytes.
const usualEntry = 96

// announce sends one announcement with as many items as fit into a frame, and puts the others back.
// The next message could overtake one of several frames, and few peers restore the order. The reply
// goes to the inbox.
func (p *pusher) announce(batch []*outbox.Item) error {
	p.opts.saysNothing = false
	m := p.side.announcement(p.c)
	m.Urgent, m.Compress = true, true
	m.Body = append(make([]byte, 0, min(usualEntry*len(batch), announcementBytes+usualEntry)), '[')
	for i, it := range batch {
		body := m.Body
		if i > 0 {
			body = append(body, ',')
		}
		body = p.side.appendEntry(body, it)
		if i > 0 && len(body) > announcementBytes {
			p.box.PutBack(batch[i:])
			batch = batch[:i:i]
			break
		}
		m.Body = body
	}
	m.Body = append(m.Body, ']')
	p.side.foretell(m, p.unread+p.box.Unannounced())
	return p.say(m, func(reply *blip.Reply, err error) {
		p.inbox.put(func() error { return p.answered(batch, reply, err) })
	})
}

// announceAlias announces a revision by the name by which the peer has it. The peer then knows that it is
// ours, and can propose its edits of it.
func (p *pusher) announceAlias(it *outbox.Item, alias revision.ID) error {
	m := p.side.announcement(p.c)
	m.Urgent = true
	named := *it
	named.Rev = revision.Rev{ID: alias}
	m.Body = append(p.side.appendEntry([]byte{'['}, &named), ']')
	p.aliases++
	return p.say(m, func(reply *blip.Reply, err error) {
		p.inbox.put(func() error {
			p.aliases--
			if err != nil {
				return nil
			}
			answers, err := wire.ParseAnswers(reply.Body, 1)
			if err != nil || !answers[0].Send {
				return nil //nolint:nilerr // the peer has it by this name, and whatever it says is fine
			}
			named.Asked = alias // it has just lost it
			return p.say(p.composer.noRev(&named, &withheld{404, "the document was changed", nil}).message, nil)
		})
	})
}

// announceCaughtUp tells the peer that every change which existed at the start has been announced.
func (p *pusher) announceCaughtUp() error {
	m := p.c.message(wire.ProfileChanges)
	m.Urgent, m.NoReply = true, true
	m.Body = []byte("[]")
	return p.say(m, nil)
}

// answered handles the reply to an announcement.
func (p *pusher) answered(batch []*outbox.Item, reply *blip.Reply, err error) error {
	if err != nil {
		return p.rejected(batch, err)
	}
	if !p.accepted {
		p.accepted = true
		p.side.accepted(p.c)
	}
	p.composer.peer.read(reply.Properties)
	answers, err := wire.ParseAnswers(reply.Body, len(batch))
	if err != nil {
		return fault.Remote.Because(err)
	}
	if err := p.side.checkProtocol(p.c.s.work, batch, answers); err != nil {
		return err
	}
	if err := p.c.noteListed(batch, answers); err != nil {
		return err
	}
	if !p.answersLater(batch, answers) {
		p.box.Answered(batch, answers, time.Now())
	}
	return nil
}

// answersLater takes the reply to an announcement, once the client has pushed, if that shows a revision that
// the client has and we lack. Otherwise it reports false.
func (p *pusher) answersLater(batch []*outbox.Item, answers []wire.Answer) bool {
	if p.opts.awaitFirst == nil {
		return false
	}
	for i, a := range answers {
		if a.Send && p.c.s.hasUnsent(batch[i], a.Known) {
			p.afterFirst(firstProposals, func() { p.box.Answered(batch, answers, time.Now()) })
			return true
		}
	}
	return false
}

// rejected handles the refusal of a whole announcement.
func (p *pusher) rejected(batch []*outbox.Item, err error) error {
	if ended(err) {
		p.box.Lost()
		return nil
	}
	err = wire.FromPeer(err)
	refusesAll, err := p.side.refusal(p.c, err)
	switch {
	case refusesAll && err != nil:
		return err
	case refusesAll:
		p.stop()
	default:
		p.box.Rejected(batch, err)
	}
	return nil
}

// ended reports whether a request failed with its connection, which reports the cause itself.
func ended(err error) bool {
	if err == nil {
		return false // the common case; refusal would allocate
	}
	var refusal *blip.Error
	return !errors.As(err, &refusal)
}

// send sends the revisions of items, or norev messages for those it withholds.
func (p *pusher) send(ctx context.Context, items []*outbox.Item) error {
	letters, err := p.composer.read(ctx, items)
	if err != nil {
		return err
	}
	for i, it := range items {
		if err := p.sendOne(it, letters[i]); err != nil {
			return err
		}
	}
	return nil
}

// sendOne sends a rev, which has a reply, or a norev, which has none.
func (p *pusher) sendOne(it *outbox.Item, l letter) error {
	if l.withheld != nil {
		if l.withheld.err != nil {
			p.side.stays(p.c, it, l.withheld.err)
		}
		p.box.Withheld(it, l.withheld.err)
		if err := p.say(l.message, nil); err != nil || l.alias == "" {
			return err
		}
		return p.announceAlias(it, l.alias)
	}
	p.box.Sending(it, l.rev, l.deleted, l.parcel)
	if l.parcel.Delta {
		p.c.counters.deltasSent.Add(1)
	}
	return p.say(l.message, func(_ *blip.Reply, err error) {
		p.inbox.put(func() error { return p.replied(it, err) })
	})
}

// replied handles the reply to a rev.
func (p *pusher) replied(it *outbox.Item, err error) error {
	if ended(err) {
		p.box.Lost()
		return nil
	}
	p.box.Replied(it, err, time.Now())
	return nil
}
