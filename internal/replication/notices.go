package replication

import (
	"context"

	"github.com/tandemdb/tandem/internal/replication/outbox"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
)

// news is a change that the peer has announced when we had a revision that is not older.
type news struct {
	wire.Change
	ours revision.ID
}

// notice tells the outbox something, on the push's goroutine. It counts as work until then.
func (p *pusher) notice(tell func()) {
	p.post(p.inbox, func() error {
		tell()
		return nil
	})
}

// received tells that a revision came from this peer.
func (p *pusher) received(id string, rev revision.ID) {
	if p.hearsItself {
		p.inbox.put(func() error {
			p.box.Received(id, rev)
			return nil
		})
	}
}

// remoteMoved tells that the pull has learnt what the peer has of a document.
func (p *pusher) remoteMoved(id string) { p.notice(func() { p.box.Moved(id) }) }

// peerHas tells that the peer has announced a revision that we have, or an older one.
func (p *pusher) peerHas(n news) { p.notice(func() { p.box.PeerHas(n.ID, n.ours, n.Rev.ID) }) }

// pullMet tells that the pull has met the peer's revision of a document, and not stored it.
func (p *pusher) pullMet(id string) { p.notice(func() { p.box.Met(id) }) }

// refresh has the feed read once more.
func (p *pusher) refresh() { p.notice(func() { p.box.Refeed() }) }

// rememberOver notes for which items the pull starts over now.
func (p *pusher) rememberOver(ctx context.Context) error {
	_, err := ask(p, func() (bool, error) { return false, p.waits.write(ctx, p.box.Unmet()) })
	return err
}

// giveUpWaiting ends the wait of documents for a pull that has brought everything there is, and reports
// whether there is more to push now: by then new revisions are made.
func (p *pusher) giveUpWaiting(ctx context.Context) (more bool, err error) {
	return ask(p, func() (bool, error) {
		more := p.box.GiveUp()
		for step := p.box.Next(); step.Do != outbox.Rest; step = p.box.Next() {
			if err := p.do(ctx, step); err != nil {
				return more, err
			}
		}
		return more, nil
	})
}

// ask has a job done on the push's goroutine, and waits for its outcome.
func ask(p *pusher, job func() (bool, error)) (bool, error) {
	type outcome struct {
		answer bool
		err    error
	}
	done := make(chan outcome, 1)
	p.post(p.inbox, func() error {
		answer, err := job()
		done <- outcome{answer, err}
		return nil
	})
	select {
	case o := <-done:
		return o.answer, o.err
	case <-p.c.s.work.Done():
		return false, nil
	}
}
