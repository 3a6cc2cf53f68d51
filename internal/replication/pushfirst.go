package replication

import "context"

// holdBack ends a page before the first document of which the client may know another name, if the client has
// yet to push. The rest of the feed follows after that.
func (p *pusher) holdBack(page *page) {
	if p.opts.awaitFirst == nil {
		return
	}
	for i := range page.changes {
		head := p.feed.head(&page.changes[i])
		if head.Names == nil || !head.Names.MayHaveAlias() {
			continue
		}
		p.feed.stepBack(page, i)
		await := p.opts.awaitFirst
		p.opts.awaitFirst = nil
		p.box.Pause(true)
		p.c.s.spawn(func(ctx context.Context) error {
			await(ctx)
			p.inbox.put(func() error {
				p.box.Pause(false)
				return nil
			})
			return nil
		})
		return
	}
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
