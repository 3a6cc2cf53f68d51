package outbox

import (
	"errors"
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
)

// PutBack returns items that did not fit into an announcement. They are announced next.
func (o *Outbox) PutBack(items []*Item) {
	for _, it := range items {
		it.attempts--
	}
	o.parts = append([][]*Item{o.moveAll(items, Batched)}, o.parts...)
}

// Answered takes the peer's answers to an announcement, in the order of its items.
func (o *Outbox) Answered(batch []*Item, answers []wire.Answer, now time.Time) {
	o.answers--
	for i, it := range batch {
		o.role.answered(o, it, answers[i], now)
	}
}

// Rejected says that the peer has refused a whole announcement. If one item may be the cause, the
// outbox announces the items again in halves, until it has found the item.
func (o *Outbox) Rejected(batch []*Item, err error) {
	o.answers--
	if len(batch) == 1 {
		o.refused(batch[0], fault.Remote.In("announce", batch[0].ID).Because(err))
		return
	}
	o.moveAll(batch, Batched)
	o.parts = append(o.parts, batch[:len(batch)/2:len(batch)/2], batch[len(batch)/2:])
}

// Sending says how an item is sent and as which revision: the announced one, or one that has
// replaced it. The item fills the window until its reply.
func (o *Outbox) Sending(it *Item, rev revision.Rev, deleted bool, p Parcel) {
	it.Rev, it.Deleted, it.parcel = rev, deleted, p
	o.unreplied += p.Bytes
}

// Withheld says that a revision is not sent, because of err, or because it no longer exists if err
// is nil.
func (o *Outbox) Withheld(it *Item, err error) {
	if err != nil {
		o.refused(it, err)
		return
	}
	o.drop(it)
}

// Replied takes the peer's reply to a revision: nil or an error.
func (o *Outbox) Replied(it *Item, err error, now time.Time) {
	sent, early := it.parcel, wire.IsTooEarly(err)
	o.unreplied -= sent.Bytes
	err = wire.FromPeer(err)
	switch {
	case err == nil:
		o.counts.Bytes += uint64(sent.Bytes)
		o.counts.Saved += uint64(sent.Saved)
		it.end.Taken = true
		o.delivered(it)
	case sent.Delta && wire.IsDeltaRefusal(err):
		o.counts.DeltasRefused++
		it.Whole = true
		o.move(it, Wanted)
	case it.Parent != "" && it.Rev.ID.Source() == revision.LegacySource && fault.HasCode(err, fault.WebSocket, 500):
		it.Parent, it.Theirs = "", nil // a Sync Gateway has lost the document, and takes it in another form
		o.move(it, Wanted)
	case early && it.Rev.ID.IsVersion():
		o.tell(it, End{Err: err, Pending: true, Transient: true, TooEarly: true})
	case fault.HasCode(err, fault.WebSocket, 403) && o.role.triesTwice() && !it.barred:
		it.barred = true // another document of this push may change the peer's mind
		o.move(it, Barred)
	case sent.Delta && !fault.IsTransient(err): // the peer does not expect the whole revision now: announce it again
		o.counts.DeltasRefused++
		it.Whole = true
		o.move(it, Queued)
	case errors.Is(err, fault.Conflict), errors.Is(err, fault.RemoteConflict):
		o.hold(it, errors.Join(fault.RemoteConflict.In("push", it.ID), err), now)
	case fault.IsTransient(err):
		o.postpone(it, err)
	default:
		o.refused(it, err)
	}
}

// delivered continues with an item that the peer has.
func (o *Outbox) delivered(it *Item) {
	if o.role.marks() {
		o.move(it, Arrived)
		return
	}
	o.done(it)
}

// Marking reports whether a [Mark] is under way.
func (o *Outbox) Marking() bool { return o.marking }

// Marked says that the database has recorded the peer's possession of items. No items mean that it
// could not, and the next session finds out.
func (o *Outbox) Marked(items []*Item) {
	o.marking = false
	for _, it := range items {
		o.done(it)
	}
}

// done finishes an item that the peer has. An item that was announced again and was there is not
// reported.
func (o *Outbox) done(it *Item) {
	o.count(it)
	if !it.end.Taken && it.news.theirs != "" {
		o.drop(it)
		return
	}
	o.move(it, Leaving)
}

// refused finishes an item that the peer does not get.
func (o *Outbox) refused(it *Item, err error) {
	o.count(it)
	o.tell(it, End{Err: err})
}

// postpone leaves an item for the next session.
func (o *Outbox) postpone(it *Item, err error) {
	o.tell(it, End{Err: err, Pending: true, Transient: true})
}

// hold keeps an item until the pull has brought the peer's revision, which may have come already.
// Without a pull the item fails. The exception is an item announced only for lack of a checkpoint:
// the peer has built on it, so it refuses no edit of ours.
func (o *Outbox) hold(it *Item, err error, now time.Time) {
	switch {
	case o.role.pulls():
		it.hold = hold{since: now, touched: it.hold.touched}
		o.move(it, Noted)
	case it.Known == it.Rev.ID:
		o.drop(it)
	default:
		o.refused(it, err)
	}
}

// Told says that the outcome of items has been reported. They leave the outbox.
func (o *Outbox) Told(items []*Item) { o.moveAll(items, Gone) }

// Lost says that the connection has ended. The outbox then announces, sends and marks nothing more.
func (o *Outbox) Lost() { o.lost = true }

// Unmet returns the items that wait for a revision which the pull does not bring.
func (o *Outbox) Unmet() (items []*Item) {
	for _, it := range o.allHeld() {
		if !it.hold.met {
			items = append(items, it)
		}
	}
	return items
}

// GiveUp stops items from waiting for a pull that has brought everything. If both sides claim to
// have seen the other's revision, only a new revision helps: GiveUp queues it and returns true. The
// other items are reported and stay pending.
func (o *Outbox) GiveUp() (more bool) {
	for _, it := range o.allHeld() {
		if it.Parent != "" && it.Sees(it.Parent) && !it.hold.touched {
			more = true
			o.move(it, Touching)
			continue
		}
		o.tell(it, End{Err: fault.RemoteConflict.In("push", it.ID), Pending: true})
	}
	return more
}
