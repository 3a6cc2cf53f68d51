package outbox

import (
	"slices"

	"github.com/tandemdb/tandem/internal/revision"
)

// Outbox decides what to push, and tracks the outcomes. Only one goroutine may use it.
type Outbox struct {
	register

	role   Role
	limits Limits
	chosen Selection
	echo   echoes

	parts     [][]*Item // batches that were too large, or that the peer refused as a whole
	answers   int       // announcements without an answer
	unreplied int       // bytes of revisions without a reply
	marking   bool      // a Mark has not been answered
	reached   Sequence  // the feed has been read up to here
	exhausted bool      // the last read reached the end of the feed
	paused    bool      // see Pause
	caughtUp  bool      // the peer has been told that it is caught up
	lost      bool      // the connection has ended
}

// Limits bound the work in progress.
type Limits struct {
	Batch         int // revisions in one announcement
	Announcements int // without an answer
	Wanted        int // wanted revisions, above which the outbox announces no more
	Attempts      int // proposals of one revision that the peer finds conflicting

	Revs, Bytes                     int // sent in one step
	UnansweredRevs, UnansweredBytes int // sent, without a reply
}

// Selection restricts the push to some documents.
type Selection struct {
	IDs      map[string]bool // nil means all documents
	LiveOnly bool            // skip tombstones up to Fresh
	Fresh    Sequence        // the last sequence before this session
	After    Sequence        // the feed begins after it
}

// Ledger tracks sequences. A sequence is complete when the peer has its revision, has refused it
// for good, or no longer needs it.
type Ledger interface {
	// Add marks a sequence as pending.
	Add(seq Sequence)

	// Arrived says that the peer has the revision of a sequence, which the database has yet to
	// record.
	Arrived(seq Sequence)

	// Complete says that a sequence is no longer pending.
	Complete(seq Sequence)

	// LookedAt says that every sequence up to this one is either pending or complete.
	LookedAt(through Sequence)

	// Finished reports whether an earlier session has completed a sequence.
	Finished(seq Sequence) bool
}

// NoLedger is the ledger for a peer that keeps no checkpoint.
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

// Counts measure the progress of the push. They never decrease.
type Counts struct {
	Total, Completed uint64 // revisions that the peer wanted or refused, and those finished
	Bytes            uint64 // of the revisions taken
	Saved            uint64 // bytes of these that deltas saved
	DeltasRefused    uint64
}

// New returns an outbox that has not read anything.
func New(role Role, ledger Ledger, limits Limits, chosen Selection) *Outbox {
	return &Outbox{
		register: register{ledger: ledger, newest: make(map[string]*Item), held: make(map[*Item]struct{})},
		role:     role, limits: limits, chosen: chosen, reached: chosen.After,
		echo: newEchoes(role),
	}
}

// Counts returns the progress of the push.
func (o *Outbox) Counts() Counts { return o.counts }

// Undecided returns how many items may yet come to be counted: the peer has neither asked for them nor
// refused them.
func (o *Outbox) Undecided() uint64 {
	if o.lost {
		return 0
	}
	return uint64(max(0, o.uncounted-o.in[Held]))
}

// Unannounced returns how many items are still to be announced.
func (o *Outbox) Unannounced() uint64 {
	return uint64(o.in[Waiting] + o.in[Noted] + o.in[Queued] + o.in[Batched])
}

// Err returns the internal error after which the outbox is unusable, or nil.
func (o *Outbox) Err() error { return o.err }

// Idle reports whether the push has nothing to do. [Held] items wait for the pull.
func (o *Outbox) Idle() bool {
	return o.exhausted && o.answers == 0 && o.total() == o.in[Held]
}

// CaughtUp reports whether the peer has been told that it is caught up.
func (o *Outbox) CaughtUp() bool { return o.caughtUp }

// Step is the next work for the caller.
type Step struct {
	Do    Action
	Items []*Item
	Limit int // Read: the maximum number of changes
}

// Action is the kind of a step.
type Action int

// The actions. After each except Rest, the caller reports the result to the outbox.
const (
	Rest     Action = iota // wait for an event
	Report                 // report the outcome of Items to the user, and call Told
	Touch                  // make a new revision of each of Items, with the same content
	Read                   // read the heads of Items and the next Limit changes: call Looked for each, then Changed and Reached
	Announce               // announce Items: call PutBack for those without room, then Answered or Rejected
	CatchUp                // tell the peer that it is caught up
	Send                   // send Items: call Sending and Replied, or Withheld
	Mark                   // record in the database that the peer has Items: call Marked
)

// Next returns the next step, and assumes that the caller executes it.
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

// touch returns the items to touch. The outbox looks at them again afterwards.
func (o *Outbox) touch() []*Item {
	items := takeAll(&o.touching)
	for _, it := range items {
		it.hold.touched = true
	}
	return o.moveAll(items, Noted)
}

// announce returns the next step towards an announcement.
func (o *Outbox) announce() Step {
	if o.answers >= o.limits.Announcements || o.in[Wanted] > o.limits.Wanted {
		return Step{}
	}
	reads := !o.exhausted && !o.paused && o.in[Wanted]+o.in[Blocked] <= o.limits.Wanted
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

// still removes up to n items from a queue, and skips those that have left the queue's state.
func (o *Outbox) still(queue *[]*Item, state State, n int) (items []*Item) {
	for len(*queue) > 0 && len(items) < n {
		if it := (*queue)[0]; it.state == state {
			items = append(items, it)
		}
		*queue = (*queue)[1:]
	}
	return items
}

// send returns the wanted items that fit into the window.
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

// take removes up to n items from the front of a queue.
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

// echoes are revisions from the peer that the feed has not reached yet. A peer without an account
// of remote revisions needs them, to recognize the origin of a change.
type echoes struct {
	young, old map[string]revision.ID // received since the feed was last exhausted, and before that
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

// take reports whether rev came from the peer, and forgets it.
func (e *echoes) take(id string, rev revision.ID) bool {
	for _, came := range [...]map[string]revision.ID{e.young, e.old} {
		if last, ok := came[id]; ok {
			delete(came, id)
			return last == rev
		}
	}
	return false
}

// age forgets the revisions that the feed has passed: those from before it was last exhausted.
func (e *echoes) age() {
	if len(e.young)+len(e.old) > 0 {
		e.young, e.old = make(map[string]revision.ID), e.young
	}
}
