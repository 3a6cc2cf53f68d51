package replication

import "github.com/tandemdb/tandem/internal/revision"

// post hands a job to run, and counts as work until it is done.
func (p *pusher) post(job func() error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.idle = false
	p.inbox.put(job)
}

// received tells that a revision came from this peer: a passive feed leaves it out.
func (p *pusher) received(id string, rev revision.ID) {
	if p.echo == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.echo[id] = rev
}

// remoteMoved tells that the pull has learnt what the peer has of a document.
func (p *pusher) remoteMoved(id string) {
	p.post(func() error {
		if it := p.current[id]; it != nil && it.state == held {
			p.lookLater(lookup{id: id})
		}
		return nil
	})
}

// peerHas tells that the peer has announced a revision that we have, or an older one: if it
// lacks ours, though it had it once, it is pushed again.
func (p *pusher) peerHas(n news) {
	p.post(func() error {
		p.lookLater(lookup{id: n.ID, ours: n.ours, theirs: n.Rev.ID})
		return nil
	})
}

// refresh has the feed read once more, and counts as work until it is.
func (p *pusher) refresh() {
	p.post(func() error {
		p.exhausted = false
		return nil
	})
}

// lookLater has a document looked at again, once however often it is asked for.
func (p *pusher) lookLater(l lookup) {
	waiting := p.againFor[l.id]
	if waiting == nil {
		p.againFor[l.id] = &l
		p.again = append(p.again, &l)
		return
	}
	waiting.seqs = append(waiting.seqs, l.seqs...)
	if l.theirs != "" {
		waiting.ours, waiting.theirs = l.ours, l.theirs
	}
}
