package replication

import (
	"context"

	"github.com/tandemdb/tandem/internal/replication/outbox"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
)

// news is an announced revision that is not newer than ours at that time.
type news struct {
	wire.Change
	ours revision.ID
}

// notice runs tell on the push's goroutine. The push counts as busy until then.
func (p *pusher) notice(tell func()) {
	p.post(p.inbox, func() error {
		tell()
		return nil
	})
}

// received records a revision from this peer, which the push then does not announce back.
func (p *pusher) received(id string, rev revision.ID) {
	if p.hearsItself {
		p.inbox.put(func() error {
			p.box.Received(id, p.c.s.stored(rev))
			return nil
		})
	}
}

// remoteMoved says that the pull has learnt the peer's revision of a document.
func (p *pusher) remoteMoved(id string) { p.notice(func() { p.box.Moved(id) }) }

// peerHas says that the peer has announced our revision or an older one.
func (p *pusher) peerHas(n news) { p.notice(func() { p.box.PeerHas(n.ID, n.ours, n.Rev.ID) }) }

// remind announces our revision of a document once more. A one-shot push goes on to the last change: that may be
// the document's.
func (p *pusher) remind(id string) {
	p.post(p.inbox, func() error {
		if p.hasSaidAll() {
			return nil
		}
		p.box.Remind(id)
		return p.reachOn()
	})
}

// goOn lets a one-shot push go on to the last change.
func (p *pusher) goOn() {
	p.post(p.inbox, func() error {
		if p.hasSaidAll() {
			return nil
		}
		return p.reachOn()
	})
}

func (p *pusher) reachOn() error {
	more, err := p.extend(p.c.s.work)
	if more {
		p.box.Refeed() // in this job: the push must not end before
	}
	return err
}

// hasSaidAll reports whether the client has heard that it is caught up, and must hear of nothing more.
func (p *pusher) hasSaidAll() bool {
	return !p.opts.continuous && p.c.s.pushesFirst() && p.box != nil && p.box.CaughtUp()
}

// pullMet says that the pull has met the peer's revision of a document without storing it.
func (p *pusher) pullMet(id string) { p.notice(func() { p.box.Met(id) }) }

// refresh makes the push read the feed again.
func (p *pusher) refresh() { p.notice(func() { p.box.Refeed() }) }

// rememberOver records for which items the pull now starts over.
func (p *pusher) rememberOver(ctx context.Context) error {
	_, err := ask(p, func() (bool, error) { return false, p.waits.write(ctx, p.box.Unmet()) })
	return err
}

// giveUpWaiting stops documents from waiting for a pull that has brought everything. It makes new
// revisions in place of the waiting ones, and reports whether there are any to push.
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

// ask runs a job on the push's goroutine and waits for its outcome.
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
