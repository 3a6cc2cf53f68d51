package outbox

import (
	"time"

	"github.com/tandemdb/tandem/internal/fault"
	"github.com/tandemdb/tandem/internal/replication/wire"
	"github.com/tandemdb/tandem/internal/revision"
)

// Role is the part of the outbox that depends on the side of the connection: [Proposes] or
// [Offers].
type Role interface {
	// changed takes a change of a document with an earlier revision on its way.
	changed(o *Outbox, head Head, passes Filter)
	answered(o *Outbox, it *Item, a wire.Answer, now time.Time)

	pulls() bool      // the pull may bring a conflicting revision
	marks() bool      // the database records the peer's revisions
	triesTwice() bool // forbidden revisions are proposed a second time
	catchesUp() bool  // the peer is told when it is caught up

	// HearsItself reports whether the peer's own revisions come back in the feed. If so, the caller
	// must call Received for each.
	HearsItself() bool
}

// Proposes is the role of the active peer. Pulls means that the session pulls too.
type Proposes struct{ Pulls bool }

func (p Proposes) pulls() bool    { return p.Pulls }
func (Proposes) marks() bool      { return true }
func (Proposes) triesTwice() bool { return true }
func (Proposes) catchesUp() bool  { return false }

// HearsItself reports false: the database knows what came from the peer.
func (Proposes) HearsItself() bool { return false }

// changed makes the change wait: the parent of its proposal is the earlier revision.
func (Proposes) changed(o *Outbox, head Head, _ Filter) { o.enter(&Item{Head: head}, Waiting) }

// answered takes the reply to a proposal.
func (p Proposes) answered(o *Outbox, it *Item, a wire.Answer, now time.Time) {
	switch {
	case a.Status == 0:
		o.move(it, Wanted)
	case a.Status == 304 && it.Parent == it.Rev.ID:
		// We knew that the peer has it. Report the item without counting it, because the last
		// session may have broken off before its report.
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

// conflicting handles a proposal that conflicts with the peer's revision. If that revision is
// missing or is an ancestor of ours, the parent was wrong and is corrected. If the peer has seen
// ours too, a new revision is made. Otherwise the pull must first bring the peer's revision.
func (Proposes) conflicting(o *Outbox, it *Item, a wire.Answer, now time.Time) {
	theirs, err := revision.ParseVector(a.Rev)
	seen := a.HasRev && err == nil && it.Sees(theirs.ID)
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
	return theirs.Contains(it.Rev.ID) || theirs.ID == it.Parent // the peer refused it as the parent
}

// Offers is the role of the passive peer. Continuous means that the subscription goes on once the
// peer is caught up.
type Offers struct{ Continuous bool }

func (Offers) pulls() bool      { return false }
func (Offers) marks() bool      { return false }
func (Offers) triesTwice() bool { return false }
func (Offers) catchesUp() bool  { return true }

// HearsItself reports whether the subscription goes on.
func (o Offers) HearsItself() bool { return o.Continuous }

// changed announces the change at once: clients assume ascending sequences and never return to an
// earlier one.
func (Offers) changed(o *Outbox, head Head, passes Filter) { o.consider(head, nil, passes) }

// answered takes the reply to an offer.
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
