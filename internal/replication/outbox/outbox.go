package outbox

import (
	"slices"

	"github.com/tandemdb/tandem/internal/revision"
)

// Outbox knows what is to be pushed, and what became of it. It is for one goroutine.
type Outbox struct {
	register

	role   Role
	limits Limits
	chosen Selection
	echo   echoes

	parts     [][]*Item // batches that were too large, or that the peer has refused as a whole
	answers   int       // announcements that the peer has not answered
	unreplied int       // bytes of revisions that it has not answered
	marking   bool      // a Mark is under way
	exhausted bool      // nothing was after the last read
	caughtUp  bool      // the peer was told so
	lost      bool      // the connection has ended
}

// Limits bound what is under way at a time.
type Limits struct {
	Batch         int // revisions in one announcement
	Announcements int // not answered
	Wanted        int // revisions that the peer wants, above which no more are announced
	Attempts      int // proposals of one revision that the peer finds in conflict

	Revs, Bytes                     int // sent in one step
	UnansweredRevs, UnansweredBytes int // sent and not answered
}

// Selection says which documents are for the peer.
type Selection struct {
	IDs      map[string]bool // nil means all documents
	LiveOnly bool            // no tombstones up to Fresh
	Fresh    Sequence        // what comes after it, came during this session
}

// Ledger keeps account of sequences. They are complete when the peer has their revision, has refused
// it for good, or does not need it any more.
type Ledger interface {
	// Add says that a sequence is pending.
	Add(seq Sequence)

	// Arrived says that the peer has what a sequence stands for, and that the database is still to note it.
	Arrived(seq Sequence)

	// Complete says that a sequence is not pending any more.
	Complete(seq Sequence)

	// LookedAt says that what is not pending up to a sequence, is complete.
	LookedAt(through Sequence)

	// Finished reports whether an earlier session has completed a sequence.
	Finished(seq Sequence) bool
}

// NoLedger is the ledger of a peer that keeps no checkpoint.
type NoLedger struct{}

// Add does nothing.
func (NoLedger) Add(Sequence) {}

// Arrived does nothing.
func (NoLedger) Arrived(Sequence) {}

// Complete does nothing.
func (NoLedger) Complete(Sequence) {}

// LookedAt does nothing.
func (NoLedger) LookedAt(Sequence) {}

// Finished reports false.
func (NoLedger) Finished(Sequence) bool { return false }

// Counts say how far the push has come. They only grow.
type Counts struct {
	Total, Completed uint64 // revisions that the peer has wanted or refused, and those done with
	Bytes            uint64 // of the revisions taken
	Saved            uint64 // bytes of the same that deltas did not send
	DeltasRefused    uint64
}

// New returns an outbox that has read nothing yet.
func New(role Role, ledger Ledger, limits Limits, chosen Selection) *Outbox {
	return &Outbox{
		register: register{ledger: ledger, newest: make(map[string]*Item), held: make(map[*Item]struct{})},
		role:     role, limits: limits, chosen: chosen,
		echo: newEchoes(role),
	}
}

// Counts returns how far the push has come.
func (o *Outbox) Counts() Counts { return o.counts }

// Err returns why the outbox cannot be trusted any more: a fault of ours. Nil means that it can.
func (o *Outbox) Err() error { return o.err }

// Idle reports whether the push has done all that it can. What is [Held] waits for the pull.
func (o *Outbox) Idle() bool {
	return o.exhausted && o.answers == 0 && o.total() == o.in[Held]
}

// CaughtUp reports whether the peer was told that all there was is announced.
func (o *Outbox) CaughtUp() bool { return o.caughtUp }

// Step is what is to be done next.
type Step struct {
	Do    Action
	Items []*Item
	Limit int // Read: the most changes to read
}

// Action is the kind of a step.
type Action int

// The actions. Each but Rest has its answer, which tells the outbox how it went.
const (
	Rest     Action = iota // nothing: wait for what comes in
	Report                 // tell the user what became of Items, and call Told
	Touch                  // make a new revision of each of Items, in place of one that is equal but in name
	Read                   // read the heads of Items and the next Limit changes: call Looked for each, and Changed and Reached
	Announce               // announce Items: call PutBack for those without room, and then Answered or Rejected
	CatchUp                // tell the peer that it is caught up
	Send                   // send Items: call Sending and Replied, or Withheld
	Mark                   // note in the database that the peer has Items: call Marked
)

// Next returns the next step. It counts as begun: items to announce are announced, and so on.
func (o *Outbox) Next() Step {
	switch {
	case len(o.leaving) > 0:
		return Step{Do: Report, Items: takeAll(&o.leaving)}
	case o.lost:
		return Step{}
	case len(o.touching) > 0:
		return Step{Do: Touch, Items: o.touch()}
	}
	if step := o.announce(); step.Do != Rest {
		return step
	}
	if items := o.send(); len(items) > 0 {
		return Step{Do: Send, Items: items}
	}
	if len(o.arrived) > 0 && !o.marking {
		o.marking = true
		return Step{Do: Mark, Items: o.moveAll(takeAll(&o.arrived), Marking)}
	}
	return Step{}
}

// touch returns the items to be touched. They are looked at again afterwards.
func (o *Outbox) touch() []*Item {
	items := takeAll(&o.touching)
	for _, it := range items {
		it.hold.touched = true
	}
	return o.moveAll(items, Noted)
}

// announce returns the next step that gets something announced.
func (o *Outbox) announce() Step {
	if o.answers >= o.limits.Announcements || o.in[Wanted] > o.limits.Wanted {
		return Step{}
	}
	reads := !o.exhausted && o.in[Wanted]+o.in[Blocked] <= o.limits.Wanted
	if len(o.parts) > 0 {
		part := o.parts[0]
		o.parts = o.parts[1:]
		return o.offer(part)
	}
	if room := o.limits.Batch - len(o.queued); room > 0 && (o.in[Noted] > 0 || reads) {
		step := Step{Do: Read, Items: o.still(&o.noted, Noted, room)}
		if reads {
			step.Limit = room - len(step.Items)
		}
		return step
	}
	if len(o.queued) == 0 && o.in[Barred] > 0 && o.in[Wanted]+o.in[Blocked]+o.in[Sent]+o.in[Offered] == 0 {
		o.moveAll(o.still(&o.barred, Barred, len(o.barred)), Queued)
	}
	switch {
	case len(o.queued) > 0:
		return o.offer(take(&o.queued, o.limits.Batch))
	case o.role.catchesUp() && o.exhausted && !o.caughtUp:
		o.caughtUp = true
		return Step{Do: CatchUp}
	}
	return Step{}
}

func (o *Outbox) offer(batch []*Item) Step {
	o.answers++
	for _, it := range batch {
		it.Asked = it.Rev.ID
		it.attempts++
	}
	return Step{Do: Announce, Items: o.moveAll(batch, Offered)}
}

// still takes from a queue up to n items that are still in its state.
func (o *Outbox) still(queue *[]*Item, state State, n int) (items []*Item) {
	for len(*queue) > 0 && len(items) < n {
		if it := (*queue)[0]; it.state == state {
			items = append(items, it)
		}
		*queue = (*queue)[1:]
	}
	return items
}

// send returns what the peer wants, as far as the window allows.
func (o *Outbox) send() []*Item {
	n, bytes, l := 0, 0, o.limits
	for n < len(o.wanted) && n < l.Revs && bytes < l.Bytes &&
		o.unreplied+bytes < l.UnansweredBytes && o.in[Sent]+n < l.UnansweredRevs {
		bytes += o.wanted[n].Size
		n++
	}
	return o.moveAll(take(&o.wanted, n), Sent)
}

func (o *Outbox) moveAll(items []*Item, to State) []*Item {
	for _, it := range items {
		o.move(it, to)
	}
	return items
}

// take takes up to n items off the front of a queue.
func take(queue *[]*Item, n int) []*Item {
	if n >= len(*queue) {
		return takeAll(queue)
	}
	items := slices.Clone((*queue)[:n])
	*queue = (*queue)[n:]
	return items
}

func takeAll(queue *[]*Item) []*Item {
	items := *queue
	*queue = nil
	return items
}

// echoes are revisions that came from the peer, and that the feed has not met yet. A peer that only
// answers needs them: it does not know otherwise where a revision has come from.
type echoes struct {
	young, old map[string]revision.ID // came since the feed was last exhausted, and before
}

func newEchoes(role Role) echoes {
	if !role.HearsItself() {
		return echoes{}
	}
	return echoes{make(map[string]revision.ID), make(map[string]revision.ID)}
}

func (e *echoes) add(id string, rev revision.ID) {
	if e.young != nil {
		e.young[id] = rev
	}
}

// take reports whether rev came from the peer.
func (e *echoes) take(id string, rev revision.ID) bool {
	for _, came := range [...]map[string]revision.ID{e.young, e.old} {
		if last, ok := came[id]; ok {
			delete(came, id)
			return last == rev
		}
	}
	return false
}

// age forgets what the feed has passed by now: what came before it was exhausted the last time.
func (e *echoes) age() {
	if len(e.young)+len(e.old) > 0 {
		e.young, e.old = make(map[string]revision.ID), e.young
	}
}
