package replication

import (
	"sync"

	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
)

// maxParents bounds the parents of accepted proposals that are remembered.
const maxParents = 10_000

// parents has, by document, the parents for which proposals were accepted whose revisions have yet to be stored; ""
// for those without one.
type parents struct {
	mu   sync.Mutex
	of   map[string]revision.ID // guarded by mu
	news chan struct{}          // of capacity 1: a revision has left; guarded by mu, nil until asked for
}

// waiting reports whether revisions have yet to be stored.
func (p *parents) waiting() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.of) > 0
}

// arrived returns a channel that gets a value after a revision has left.
func (p *parents) arrived() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.news == nil {
		p.news = make(chan struct{}, 1)
	}
	if len(p.of) == 0 {
		select {
		case p.news <- struct{}{}:
		default:
		}
	}
	return p.news
}

func (p *parents) note(proposals []wire.Proposal, answers []wire.Answer) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, proposal := range proposals {
		if answers[i].Status == revision.Accept && len(p.of) < maxParents {
			if p.of == nil {
				p.of = make(map[string]revision.ID)
			}
			p.of[proposal.ID] = proposal.Parent
		}
	}
}

// parentOf returns the parent of an accepted proposal.
func (p *parents) parentOf(id string) revision.ID {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.of[id]
}

// left forgets an accepted proposal: its revision is stored, refused or withdrawn.
func (p *parents) left(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.of, id)
	if p.news != nil {
		select {
		case p.news <- struct{}{}:
		default:
		}
	}
}
