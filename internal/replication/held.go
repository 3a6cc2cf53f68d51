package replication

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/revision"
	"github.com/tandemdb/tandem/internal/store"
)

// unmetSince returns since when an item waits for what the pull does not bring, zero if none does. inVain
// says that an earlier session has started over for each of them already.
func (p *pusher) unmetSince() (since time.Time, inVain bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.unmet, p.inVain
}

func (p *pusher) isUnmet() bool {
	since, _ := p.unmetSince()
	return !since.IsZero()
}

// pullMet tells that the pull has met the peer's revision of a document, and not stored it.
func (p *pusher) pullMet(id string) {
	p.post(func() error {
		if it := p.current[id]; it != nil && it.state == held {
			it.met = true
		}
		return nil
	})
}

// countUnmet finds out since when items wait for a revision that the pull does not bring.
func (p *pusher) countUnmet(ctx context.Context) error {
	var oldest time.Time
	inVain := true
	if p.heldItems > 0 {
		if err := p.readOverFor(ctx); err != nil {
			return err
		}
		for id, it := range p.current {
			if it.state != held || it.met {
				continue
			}
			inVain = inVain && p.overFor[id] == it.rev.ID
			if oldest.IsZero() || it.since.Before(oldest) {
				oldest = it.since
			}
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.unmet, p.inVain = oldest, inVain
	return nil
}

// overSpace is the space of the store's small values that say for which of our revisions a pull has
// started over, so that the next session does not do it again.
func (p *pusher) overSpace() string {
	return fmt.Sprintf("started over %d %s", p.c.s.remote, p.c.store().FullName())
}

func (p *pusher) readOverFor(ctx context.Context) error {
	if p.overFor != nil {
		return nil
	}
	p.overFor = make(map[string]revision.ID)
	return p.c.s.db.View(ctx, func(tx *store.Tx) error {
		return tx.Infos(p.overSpace(), func(id string, rev []byte) error {
			p.overFor[id] = revision.ID(rev)
			return nil
		})
	})
}

// rememberOver notes for which items the pull starts over now.
func (p *pusher) rememberOver(ctx context.Context) error {
	result := make(chan error, 1)
	p.post(func() error {
		result <- p.c.s.db.Update(ctx, func(tx *store.Tx) error {
			for id, it := range p.current {
				if it.state != held || it.met {
					continue
				}
				if err := tx.SetInfo(p.overSpace(), id, []byte(it.rev.ID)); err != nil {
					return err
				}
			}
			return nil
		})
		return nil
	})
	select {
	case err := <-result:
		return err
	case <-p.c.s.work.Done():
		return nil
	}
}

// giveUpWaiting ends the wait of documents for a pull that has brought everything there is.
// Where we claim to have seen what the peer has, and it claims the same of ours, only a new
// revision helps: it is made, and more is true. The others are reported; they stay pending.
func (p *pusher) giveUpWaiting(ctx context.Context) (more bool, err error) {
	type outcome struct {
		more bool
		err  error
	}
	done := make(chan outcome, 1)
	p.post(func() error {
		var o outcome
		o.more, o.err = p.giveUpHeld(ctx)
		done <- o
		return nil
	})
	select {
	case o := <-done:
		return o.more, o.err
	case <-p.c.s.work.Done():
		return false, nil
	}
}

// giveUpHeld runs on the pusher's goroutine.
func (p *pusher) giveUpHeld(ctx context.Context) (more bool, err error) {
	for id, it := range p.current {
		if it.state != held {
			continue
		}
		if it.parent != "" && it.rev.Contains(it.parent) && !p.touched[id] {
			more = true
			err = errors.Join(err, p.touch(ctx, it))
			continue
		}
		p.c.report(DocumentEvent{
			ID: id, Revision: string(it.rev.ID), Push: true, Deleted: it.deleted, Err: fault.RemoteConflict.In("push", id),
		})
		p.release(it)
	}
	return more, err
}

// isMutual reports whether a peer that has theirs, and refuses the item, has seen our version as we have
// seen theirs: two that settle the same conflict each take the other's side, perhaps.
func isMutual(it *item, theirs revision.Rev) bool {
	if !it.rev.ID.IsVersion() || !theirs.ID.IsVersion() {
		return false
	}
	return theirs.Contains(it.rev.ID) || theirs.ID == it.parent // which it has refused as the parent
}

// touchLater has touch called for an item of which the peer's answer was read just now.
func (p *pusher) touchLater(it *item) {
	p.keep(it)
	p.inbox.put(func() error { return p.touch(p.c.s.work, it) })
}

// touch makes a new revision of what the item is to bring, which is offered in its place. It is done once
// until the peer takes something of the document.
func (p *pusher) touch(ctx context.Context, it *item) error {
	p.touched[it.id] = true
	p.lookLater(lookup{id: it.id})
	return p.c.s.db.Update(ctx, func(tx *store.Tx) error { return tx.Touch(p.c.store(), it.id, it.rev.ID) })
}
