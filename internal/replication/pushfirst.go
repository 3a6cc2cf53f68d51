package replication

import (
	"context"
	"time"

	"github.com/tandemdb/tandem/internal/replication/outbox"
	"github.com/tandemdb/tandem/internal/replication/wire"
)

// holdBack ends a page before the first document of which the client may know another name, if the client has
// yet to push. The rest of the feed follows after that.
func (p *pusher) holdBack(page *page) {
	if p.opts.awaitFirst == nil || !p.c.s.pushesFirst() {
		return
	}
	for i := range page.changes {
		head := p.feed.head(&page.changes[i])
		if head.Names == nil || !head.Names.MayHaveAlias() {
			continue
		}
		p.feed.stepBack(page, i)
		p.box.Pause(true)
		p.afterFirst(func() { p.box.Pause(false) })
		p.opts.awaitFirst = nil
		return
	}
}

// afterFirst calls do, among the events of the push, when the client has pushed.
func (p *pusher) afterFirst(do func()) {
	await := p.opts.awaitFirst
	p.c.s.spawn(func(ctx context.Context) error {
		await(ctx)
		p.inbox.put(func() error {
			do()
			return nil
		})
		return nil
	})
}

// answersLater takes the reply to an announcement, once the client has pushed, if that shows a revision that
// the client has and we lack. Otherwise it reports false.
func (p *pusher) answersLater(batch []*outbox.Item, answers []wire.Answer) bool {
	if p.opts.awaitFirst == nil {
		return false
	}
	for i, a := range answers {
		if a.Send && p.c.s.hasUnsent(batch[i], a.Known) {
			p.afterFirst(func() { p.box.Answered(batch, answers, time.Now()) })
			return true
		}
	}
	return false
}

// stepBack takes the changes of a page from the index n on back into the feed.
func (f *feed) stepBack(page *page, n int) {
	f.cursor = page.changes[n].Sequence - 1
	page.changes, page.exhausted = page.changes[:n], false
}

// sayNothing tells a peer that waits for our first proposals that there are none.
func (p *pusher) sayNothing() error {
	if !p.opts.saysNothing || !p.box.Idle() {
		return nil
	}
	p.opts.saysNothing = false
	m := p.side.announcement(p.c)
	m.Urgent, m.NoReply, m.Body = true, true, []byte("[]")
	return p.say(m, nil)
}
