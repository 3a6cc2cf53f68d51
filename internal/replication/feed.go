package replication

import (
	"cmp"
	"context"
	"math"

	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// nextBatch collects what to announce next: proposals that were corrected, documents to
// look at again, and then the changes since the cursor.
func (p *pusher) nextBatch(ctx context.Context) ([]*item, error) {
	limit := int(p.opts.batch)
	n := min(limit, len(p.proposals))
	batch := append(make([]*item, 0, limit), p.proposals[:n]...)
	p.proposals = p.proposals[n:]
	if len(p.again) == 0 && (p.exhausted || len(batch) == limit) {
		return batch, nil
	}
	err := p.c.s.db.View(ctx, func(tx *store.Tx) error {
		var err error
		if batch, err = p.lookAgain(tx, batch, limit); err != nil {
			return err
		}
		batch, err = p.readFeed(tx, batch, limit)
		return err
	})
	return batch, err
}

// lookAgain adds documents that have changed, or of which the pull has learnt something.
func (p *pusher) lookAgain(tx *store.Tx, batch []*item, limit int) ([]*item, error) {
	for len(p.again) > 0 && len(batch) < limit {
		next := p.again[0]
		p.again = p.again[1:]
		delete(p.againFor, next.id)
		doc, err := tx.Document(p.c.store(), next.id)
		if err != nil && !isNotFound(err) {
			return batch, err
		}
		if doc != nil {
			theirs := next.theirs
			if doc.Rev.ID != next.ours {
				theirs = "" // it is about an earlier revision
			}
			if it := p.consider(doc, theirs); it != nil {
				batch = append(batch, it)
			}
		} else if it := p.current[next.id]; it != nil && it.state == held {
			p.obsolete(it) // purged
		}
		for _, seq := range next.seqs {
			if it := p.current[next.id]; it == nil || it.seq != seq {
				p.c.ledger.completeLocal(seq)
			}
		}
	}
	return batch, nil
}

// readFeed adds changes since the cursor, and moves it.
func (p *pusher) readFeed(tx *store.Tx, batch []*item, limit int) ([]*item, error) {
	p.mu.Lock()
	target := p.target
	p.mu.Unlock()
	for len(batch) < limit && !p.exhausted {
		page := limit - len(batch)
		docs, err := tx.Changes(p.c.store(), p.cursor, page, store.Select{WithBody: p.c.opts.PushFilter != nil})
		if err != nil {
			return batch, err
		}
		p.exhausted = len(docs) < page
		for _, doc := range docs {
			if doc.Sequence > target {
				p.exhausted = true
				break
			}
			p.cursor = doc.Sequence
			if it := p.consider(doc, ""); it != nil {
				batch = append(batch, it)
			}
		}
		if p.exhausted && target != math.MaxInt64 {
			p.cursor = max(p.cursor, target)
		}
		p.c.ledger.lookedAt(p.cursor)
	}
	return batch, nil
}

// consider returns an item for the document's current revision, or nil if it is not for the
// peer, or is not to be proposed before an earlier one is done. A passive peer announces it all the same:
// its client takes it that sequences come in order, and would not ask again for one before the last it has done.
// theirs is what the peer has announced just now, "" if nothing.
func (p *pusher) consider(doc *store.Document, theirs revision.ID) *item {
	earlier := p.current[doc.ID]
	switch {
	case earlier == nil:
	case earlier.state == held:
		if doc.Sequence == earlier.seq {
			return p.unhold(earlier, doc)
		}
		p.obsolete(earlier)
		earlier = nil
	case doc.Sequence == earlier.seq:
		earlier.theirs = cmp.Or(theirs, earlier.theirs)
		return nil
	case p.opts.proposes:
		earlier.newer = append(earlier.newer, doc.Sequence)
		p.pending(doc.Sequence)
		return nil
	}
	if p.peerHasIt(doc, theirs) || !p.isForPeer(doc) || theirs == "" && p.c.ledger.finished(doc.Sequence) {
		return nil
	}
	known := doc.Known(p.c.s.remote)
	it := &item{
		id: doc.ID, seq: doc.Sequence, rev: doc.Rev, deleted: doc.Deleted, size: doc.Size,
		parent: cmp.Or(theirs, known), before: known, again: theirs != "",
	}
	if earlier != nil {
		earlier.later, it.behind = it, true
	}
	p.current[doc.ID] = it
	p.pending(doc.Sequence)
	return it
}

// unhold proposes a held item again if the pull has shown that the peer's revision is an
// ancestor of ours.
func (p *pusher) unhold(it *item, doc *store.Document) *item {
	parent := doc.Known(p.c.s.remote)
	switch {
	case doc.Conflicted:
		it.met = true
		return nil
	case parent == doc.Rev.ID:
		p.obsolete(it)
		return nil
	case parent != "" && parent != it.parent && doc.Rev.Contains(parent) && it.attempts < maxResolveAttempts:
		p.heldItems--
		it.parent, it.before, it.rev, it.state = parent, parent, doc.Rev, offered
		return it
	}
	return nil
}

// isForPeer reports whether the document's revision is to be announced.
func (p *pusher) isForPeer(doc *store.Document) bool {
	switch {
	case doc.Conflicted:
		return false
	case p.opts.docIDs != nil && !p.opts.docIDs[doc.ID]:
		return false
	case p.opts.liveOnly && doc.Deleted && doc.Sequence <= p.fresh: // later ones may be of what was sent already
		return false
	case p.isEcho(doc):
		return false
	case p.c.opts.PushFilter != nil:
		return p.passesFilter(doc)
	}
	return true
}

// passesFilter asks the push filter. One that panics has refused nothing: the sequence stays
// pending, and the next session asks again.
func (p *pusher) passesFilter(doc *store.Document) bool {
	ok, err := callFilter(p.c.s.log, p.c.opts.PushFilter, doc, false)
	if err != nil {
		p.pending(doc.Sequence)
		p.c.report(DocumentEvent{ID: doc.ID, Push: true, Err: err})
	}
	return ok
}

// peerHasIt reports whether the peer has shown in this session that it has the document's
// revision. What it had before and no checkpoint vouches for, a power cut may have taken.
func (p *pusher) peerHasIt(doc *store.Document, theirs revision.ID) bool {
	if theirs != "" {
		return theirs == doc.Rev.ID
	}
	return p.c.s.remote != 0 && doc.Known(p.c.s.remote) == doc.Rev.ID && doc.Sequence > p.fresh
}

func (p *pusher) isEcho(doc *store.Document) bool {
	if p.echo == nil {
		return false
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	rev, ok := p.echo[doc.ID]
	delete(p.echo, doc.ID)
	return ok && rev == doc.Rev.ID
}

func (p *pusher) pending(seq store.Sequence) {
	p.c.ledger.addLocal(seq)
}

// obsolete ends an item whose revision nobody needs any more.
func (p *pusher) obsolete(it *item) {
	p.c.ledger.completeLocal(it.seq)
	p.countLeft(it)
	p.release(it)
}

// countLeft counts an item that the peer had wanted and that ends without arriving.
func (p *pusher) countLeft(it *item) {
	if it.state == ready || it.state == sent {
		p.c.counters.pushCompleted.Add(1)
	}
}

// mark notes in the database what the peer has, all at once; one transaction at a time.
func (p *pusher) mark() {
	if p.marking || len(p.settling) == 0 {
		return
	}
	p.marking = true
	batch := p.settling
	p.settling = nil
	p.c.s.spawn(func(ctx context.Context) error {
		err := p.c.s.db.Update(ctx, func(tx *store.Tx) error {
			for _, it := range batch {
				if err := p.c.noteTaken(tx, it); err != nil {
					return err
				}
			}
			return nil
		})
		p.inbox.put(func() error {
			p.marking = false
			if err != nil {
				return err
			}
			for _, it := range batch {
				p.done(it, nil)
			}
			return nil
		})
		return nil
	})
}
