package outbox

import (
	"cmp"

	"github.com/tandemdb/tandem/internal/revision"
)

// Filter reports whether a document may go to the peer. Its error leaves the document undecided. A
// nil Filter passes every document.
type Filter func() (passes bool, err error)

// Changed takes the next change of the feed. It calls the filter at most once, before it returns.
func (o *Outbox) Changed(head Head, passes Filter) {
	last := o.newest[head.ID]
	switch {
	case last == nil:
		o.consider(head, nil, passes)
	case last.isOf(head.Sequence):
		if last.state == Held {
			o.move(last, Noted)
		}
	case last.state == Waiting, last.state == Noted:
		o.enter(&Item{Head: head, news: last.news, hold: hold{touched: last.hold.touched}}, last.state)
		o.drop(last)
	case last.state == Held, last.state == Barred:
		o.consider(head, last, passes)
		o.drop(last)
	default:
		o.role.changed(o, head, passes)
	}
}

// Reached says that the feed has been read up to a sequence; exhausted means that it has no more
// changes.
func (o *Outbox) Reached(through Sequence, exhausted bool) {
	o.ledger.LookedAt(through)
	o.reached = through
	if o.exhausted = exhausted; exhausted {
		o.echo.age()
	}
}

// Pause sets whether the outbox leaves the rest of the feed unread. Meanwhile it is not idle.
func (o *Outbox) Pause(paused bool) { o.paused = paused }

// Refeed makes the outbox read the feed again, because it may have new changes.
func (o *Outbox) Refeed() { o.exhausted = false }

// Looked takes the head of an item's document, or nil if the document no longer exists.
func (o *Outbox) Looked(it *Item, head *Head, passes Filter) {
	switch {
	case head == nil, it.later != nil:
		o.drop(it)
	case it.isRefused() && head.Sequence == it.Sequence:
		o.unhold(it, *head)
	case it.Sequence == 0 || head.Sequence == it.Sequence:
		o.renew(it, *head, passes)
	default:
		o.consider(*head, it, passes)
		o.drop(it)
	}
}

// renew updates the item to head, if head is for the peer.
func (o *Outbox) renew(it *Item, head Head, passes Filter) {
	if it.news.reminds && head.Sequence > o.reached {
		o.drop(it) // the feed brings it, in its turn
		return
	}
	theirs := it.news.about(head)
	chosen := o.chosen
	if it.news.reminds {
		o.chosen.LiveOnly = false
	}
	isFor, err := o.isForPeer(head, theirs, passes)
	o.chosen = chosen
	switch {
	case err != nil:
		o.adopt(it, head)
		o.tell(it, undecided(err))
	case isFor:
		o.adopt(it, head)
		it.Parent = cmp.Or(theirs, head.Known)
		o.move(it, Queued)
	default:
		o.drop(it)
	}
}

// consider makes an item of head, if head is for the peer. before is the item that the caller is
// about to drop, or nil.
func (o *Outbox) consider(head Head, before *Item, passes Filter) {
	var heard news
	touched := false
	if before != nil {
		heard, touched = before.news, before.hold.touched
	}
	theirs := heard.about(head)
	isFor, err := o.isForPeer(head, theirs, passes)
	if !isFor && err == nil {
		return
	}
	it := &Item{Head: head, Parent: cmp.Or(theirs, head.Known), hold: hold{touched: touched}}
	if theirs != "" {
		it.news = heard
	}
	if err != nil {
		it.end = undecided(err)
		o.enter(it, Leaving)
		return
	}
	o.enter(it, Queued)
}

// about returns the revision that the peer has announced in place of head, or "".
func (n news) about(head Head) revision.ID {
	if n.ours != head.Rev.ID {
		return ""
	}
	return n.theirs
}

// undecided ends an item whose filter has failed. The next session calls the filter again.
func undecided(err error) End { return End{Err: err, Pending: true, Undecided: true} }

// isForPeer reports whether a revision is to be announced. A revision that the peer had before this
// session, without a checkpoint to confirm it, is announced again: the peer may have lost it in a
// power cut.
func (o *Outbox) isForPeer(head Head, theirs revision.ID, passes Filter) (bool, error) {
	isEcho := o.echo.take(head.ID, head.Stored())
	switch {
	case isEcho, head.Conflicted, theirs == head.Rev.ID:
		return false, nil
	case theirs == "" && (head.Known == head.Rev.ID && head.Sequence > o.chosen.Fresh || o.ledger.Finished(head.Sequence)):
		return false, nil
	case o.chosen.IDs != nil && !o.chosen.IDs[head.ID]:
		return false, nil
	case o.chosen.LiveOnly && head.Deleted && head.Sequence <= o.chosen.Fresh: // later tombstones may be of documents sent before
		return false, nil
	case passes == nil:
		return true, nil
	}
	return passes()
}

// unhold decides whether a refused item goes on. It is proposed again if the pull has shown that
// the peer's revision is an ancestor of ours.
func (o *Outbox) unhold(it *Item, head Head) {
	switch {
	case head.Conflicted:
		it.hold.met = true
	case head.Known == head.Rev.ID:
		o.drop(it)
		return
	case head.Known != "" && head.Known != it.Parent && head.Sees(head.Known) && it.attempts < o.limits.Attempts:
		it.Head, it.Parent = head, head.Known
		it.hold = hold{touched: it.hold.touched}
		o.move(it, Queued)
		return
	}
	o.move(it, Held)
}

// Moved says that the pull has learnt the peer's revision of a document.
func (o *Outbox) Moved(id string) {
	if it := o.newest[id]; it != nil && it.state == Held {
		o.move(it, Noted)
	}
}

// Met says that the pull has met the peer's revision of a document without storing it.
func (o *Outbox) Met(id string) {
	if it := o.newest[id]; it != nil && it.isRefused() {
		it.hold.met = true
	}
}

// PeerHas says that the peer announced theirs when we had ours, which is not older. If the peer has
// lost ours, the outbox pushes it again.
func (o *Outbox) PeerHas(id string, ours, theirs revision.ID) {
	last := o.newest[id]
	heard := news{ours: ours, theirs: theirs}
	switch {
	case last == nil:
		o.enter(&Item{Head: Head{ID: id}, news: heard}, Noted)
	case last.state == Waiting, last.state == Noted:
		last.news = heard
	case last.state == Held:
		o.move(last, Noted)
	case last.Rev.ID == theirs: // the peer has ours by now
	case last.Rev.ID == ours: // the change stays pending until then
		o.enter(&Item{Head: Head{ID: id, Sequence: last.Sequence}, news: heard}, Waiting)
	default:
		o.enter(&Item{Head: Head{ID: id}, news: heard}, Waiting)
	}
}

// Remind announces the head of a document to a peer whose revision was refused. The peer may have heard of the
// head before. A change that the feed has yet to bring is left to the feed: the checkpoint of a peer that heard of
// it before its turn would pass over the changes between.
func (o *Outbox) Remind(id string) {
	if last := o.newest[id]; last == nil {
		o.enter(&Item{Head: Head{ID: id}, news: news{reminds: true}}, Noted)
	}
}

// Received records a revision that came from the peer, which is then not announced to it.
func (o *Outbox) Received(id string, rev revision.ID) { o.echo.add(id, rev) }
