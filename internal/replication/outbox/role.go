package outbox

import (
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
)

// Role is what differs between the two sides of a connection: [Proposes] or [Offers].
type Role interface {
	// changed takes a change of a document whose earlier revision is on its way.
	changed(o *Outbox, head Head, passes Filter)
	answered(o *Outbox, it *Item, a wire.Answer, now time.Time)

	pulls() bool      // a revision in conflict may come from the peer
	marks() bool      // the database keeps account of what the peer has
	triesTwice() bool // what is forbidden is proposed once more
	catchesUp() bool  // the peer is told when all there was is announced

	// HearsItself reports whether the peer's own revisions come back in the feed: then the outbox has to be
	// told of each that is received.
	HearsItself() bool
}

// Proposes is the role of the active peer. Pulls says that it pulls too.
type Proposes struct{ Pulls bool }

func (p Proposes) pulls() bool    { return p.Pulls }
func (Proposes) marks() bool      { return true }
func (Proposes) triesTwice() bool { return true }
func (Proposes) catchesUp() bool  { return false }

// HearsItself reports false: the database knows what came from the peer.
func (Proposes) HearsItself() bool { return false }

// changed has the change wait: the parent of a proposal is the revision before.
func (Proposes) changed(o *Outbox, head Head, _ Filter) { o.enter(&Item{Head: head}, Waiting) }

// answered takes the answer to a proposal.
func (p Proposes) answered(o *Outbox, it *Item, a wire.Answer, now time.Time) {
	switch {
	case a.Status == 0:
		o.move(it, Wanted)
	case a.Status == 304 && it.Parent == it.Rev.ID:
		// We knew that the peer has it. It is told, and not counted: the last session may have been cut
		// before that could be done.
		o.tell(it, End{})
	case a.Status == 304:
		o.delivered(it)
	case a.Status == 409:
		p.conflicting(o, it, a, now)
	default:
		err := fault.New(fault.WebSocket, a.Status, "the peer refused the revision").In("push", it.ID)
		if fault.IsTransient(err) {
			o.postpone(it, err)
			return
		}
		o.refused(it, err)
	}
}

// conflicting takes a proposal that the peer finds in conflict. If what it has is an ancestor of ours, or
// it has nothing, the parent was wrong and is corrected. If it has seen ours, too, a new revision of ours
// is made. Otherwise the pull has to bring its revision first.
func (Proposes) conflicting(o *Outbox, it *Item, a wire.Answer, now time.Time) {
	theirs, err := revision.ParseVector(a.Rev)
	seen := a.HasRev && err == nil && it.Rev.Contains(theirs.ID)
	switch {
	case it.attempts >= o.limits.Attempts:
	case a.HasRev && a.Rev == "" && it.Parent != "":
		it.Parent = ""
		o.move(it, Queued)
		return
	case seen && isMutual(it, theirs) && !it.hold.touched:
		it.hold.since = now
		o.move(it, Touching)
		return
	case seen && theirs.ID != it.Parent:
		it.Parent = theirs.ID
		o.move(it, Queued)
		return
	}
	o.hold(it, fault.RemoteConflict.In("push", it.ID).Says("the peer has another revision, %q", a.Rev), now)
}

// isMutual reports whether both peers claim to have seen the other's version, as after resolving one
// conflict in opposite ways.
func isMutual(it *Item, theirs revision.Rev) bool {
	if !it.Rev.ID.IsVersion() || !theirs.ID.IsVersion() {
		return false
	}
	return theirs.Contains(it.Rev.ID) || theirs.ID == it.Parent // which it has refused as the parent
}

// Offers is the role of the passive peer. Continuous says that the subscription goes on once the peer is
// caught up.
type Offers struct{ Continuous bool }

func (Offers) pulls() bool      { return false }
func (Offers) marks() bool      { return false }
func (Offers) triesTwice() bool { return false }
func (Offers) catchesUp() bool  { return true }

// HearsItself reports whether the subscription goes on.
func (o Offers) HearsItself() bool { return o.Continuous }

// changed announces the change all the same: clients assume ascending sequences, and never return to an
// earlier one.
func (Offers) changed(o *Outbox, head Head, passes Filter) { o.consider(head, nil, passes) }

// answered takes the answer to an offer.
func (Offers) answered(o *Outbox, it *Item, a wire.Answer, _ time.Time) {
	switch {
	case a.Send && it.earlier != nil:
		it.Theirs = a.Known
		o.move(it, Blocked)
	case a.Send:
		it.Theirs = a.Known
		o.move(it, Wanted)
	case a.Status == 0:
		o.drop(it)
	default:
		o.refused(it, fault.New(fault.WebSocket, a.Status, "the peer refused the change"))
	}
}
